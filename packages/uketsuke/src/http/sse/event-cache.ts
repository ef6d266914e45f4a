import { isTerminal, type Job } from '../../domain/job.ts'
import { event } from '../../domain/view.ts'
import type { JobService } from '../../service.ts'

interface Frames {
  snapshot?: Buffer
  change?: Buffer
}

const cache = new WeakMap<JobService, WeakMap<Job, Frames>>()

/**
 * One event of a stream. All who follow a job are given the same object, so a change is serialised once and not once a connection.
 * JSON has no raw line end (a newline in a string is escaped, and U+2028 is none to EventSource), so no text can forge an event.
 */
export function cachedEvent(service: JobService, job: Job, first: boolean): Buffer {
  const frames = of(service, job)
  const kind = first && !isTerminal(job) ? 'snapshot' : 'change'
  frames[kind] ??= Buffer.from(
    `id: ${job.version}\ndata: ${JSON.stringify(event(job, service.base, service.clock.now(), first))}\n\n`,
  )
  return frames[kind]
}

function of(service: JobService, job: Job): Frames {
  const jobs = cache.get(service) ?? new WeakMap<Job, Frames>()
  cache.set(service, jobs)
  const frames = jobs.get(job) ?? {}
  jobs.set(job, frames)
  return frames
}
