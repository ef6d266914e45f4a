import { isTerminal, type Job } from '../domain/job.ts'
import type { Follower } from '../notify/watch.ts'
import type { HttpService } from './http-service.ts'
import type { HttpRequest } from './request.ts'

/**
 * Long-polls for `Prefer: wait`. Resolves with the job when `enough` returns true, or with its latest state after `seconds`, when the
 * process drains, or when the client disconnects, which does not cancel the job. Each of these closes the follower, which ends its
 * `next()`, so no race with a timer promise is needed.
 */
export async function hold(
  { service, request }: { service: HttpService; request: HttpRequest },
  follower: Follower,
  job: Job,
  seconds: number,
  enough: (job: Job) => boolean | Promise<boolean>,
): Promise<Job> {
  let latest = job
  const close = () => follower.close()
  const cancelTimer = service.clock.after(seconds * 1_000, close)
  const offDraining = service.drain.onDraining(close)
  const offGone = request.onGone(close)
  try {
    for (;;) {
      const isEnough = enough(latest)
      // Without a turn for those who need not ask.
      if (isEnough instanceof Promise ? await isEnough : isEnough) break
      const next = await follower.next()
      if (next === null) break
      latest = next
    }
  } catch (thrown) {
    // The job is stored even if waiting fails. Respond with the last known state, not with an error.
    service.log.warn({ err: thrown, jobId: job.id }, 'long-poll ended early')
  } finally {
    cancelTimer()
    offDraining()
    offGone()
    follower.close()
  }
  return latest
}

/** The same for the end of a job, or until `enough`. It is no error if waiting is impossible. */
export async function holdForEnd(
  { service, request }: { service: HttpService; request: HttpRequest },
  job: Job,
  seconds: number,
  enough: (job: Job) => boolean | Promise<boolean> = isTerminal,
): Promise<Job> {
  if (isTerminal(job)) return job
  try {
    const follower = await service.follow(job.owner, job.id, job.version)
    return await hold({ service, request }, follower, job, seconds, enough)
  } catch (thrown) {
    service.log.warn({ err: thrown, jobId: job.id }, 'long-poll failed to start')
    return job
  }
}
