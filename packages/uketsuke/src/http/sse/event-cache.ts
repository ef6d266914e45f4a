import { isTerminal, type Job } from '../../domain/job.ts'
import { event } from '../../domain/view.ts'
import type { Desk } from '../../service.ts'

interface Frames {
  snapshot?: Buffer
  change?: Buffer
}

const cache = new WeakMap<Desk, WeakMap<Job, Frames>>()

/**
 * One event of a stream. All who follow a job are given the same object, so a change is serialised once and not once a connection.
 * JSON has no raw line end (a newline in a string is escaped, and U+2028 is none to EventSource), so no text can forge an event.
 */
export function frame(desk: Desk, job: Job, first: boolean): Buffer {
  const frames = of(desk, job)
  const kind = first && !isTerminal(job) ? 'snapshot' : 'change'
  frames[kind] ??= Buffer.from(
    `id: ${job.version}\ndata: ${JSON.stringify(event(job, desk.base, desk.clock.now(), first))}\n\n`,
  )
  return frames[kind]
}

function of(desk: Desk, job: Job): Frames {
  const jobs = cache.get(desk) ?? new WeakMap<Job, Frames>()
  cache.set(desk, jobs)
  const frames = jobs.get(job) ?? {}
  jobs.set(job, frames)
  return frames
}
