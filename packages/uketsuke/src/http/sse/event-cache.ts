import type { Clock } from '../../base/clock.ts'
import type { Estimate } from '../../domain/estimate.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import { event } from '../../domain/view.ts'

type Kind = 'snapshot' | 'change'
type Encoded = { [K in Kind | `named ${Kind}`]?: Buffer }

/**
 * Encodes each event once. All followers of a job get the same job object, so a change is serialized once and not once per connection.
 * JSON escapes line breaks (and EventSource does not split at U+2028), so job data cannot forge an event.
 */
export class EventCache {
  readonly #base: string
  readonly #clock: Clock
  readonly #estimate: (job: Job) => Estimate | null
  readonly #encoded = new WeakMap<Job, Encoded>()

  constructor(base: string, clock: Clock, estimate: (job: Job) => Estimate | null) {
    this.#base = base
    this.#estimate = estimate
    this.#clock = clock
  }

  /** `first` is true for the first event about the job in a stream. `named` puts the job's id into that of the event. */
  get(job: Job, first: boolean, named = false): Buffer {
    const encoded = this.#encoded.get(job) ?? {}
    this.#encoded.set(job, encoded)
    const kind = first && !isTerminal(job) ? 'snapshot' : 'change'
    const key = named ? (`named ${kind}` as const) : kind
    const id = named ? `${job.id}:${job.version}` : job.version
    encoded[key] ??= Buffer.from(
      `id: ${id}\ndata: ${JSON.stringify(event(job, this.#base, this.#clock.now(), first, this.#estimate(job)))}\n\n`,
    )
    return encoded[key]
  }
}
