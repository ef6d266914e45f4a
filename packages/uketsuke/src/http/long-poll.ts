import type { Job } from '../domain/job.ts'
import type { Follower } from '../notify/watch.ts'
import type { HttpService } from './http-service.ts'
import type { HttpRequest } from './request.ts'

/**
 * `Prefer: wait`: the job once `enough` says so, or as it stands when `seconds` have passed, the process drains, or the client goes
 * away; that cancels nothing. Closing the follower ends its `next()`, so there is nothing else to race.
 */
export async function hold(
  { service, request }: { service: HttpService; request: HttpRequest },
  follower: Follower,
  job: Job,
  seconds: number,
  enough: (job: Job) => boolean,
): Promise<Job> {
  let latest = job
  const close = () => follower.close()
  const cancelTimer = service.clock.after(seconds * 1_000, close)
  const forgetDraining = service.drain.onDraining(close)
  const forgetGoing = request.onGone(close)
  try {
    while (!enough(latest)) {
      const next = await follower.next()
      if (next === null) break
      latest = next
    }
  } catch (thrown) {
    // The job is stored, whatever happens to waiting for it: the state we know is an answer, an error would be none.
    service.log.warn({ err: thrown, jobId: job.id }, 'waiting for a job ended early')
  } finally {
    cancelTimer()
    forgetDraining()
    forgetGoing()
    follower.close()
  }
  return latest
}
