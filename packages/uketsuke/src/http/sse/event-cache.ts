import type { Clock } from '../../base/clock.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import { event } from '../../domain/view.ts'

interface Encoded {
  snapshot?: Buffer
  change?: Buffer
}

/**
 * Encodes each event once. All followers of a job get the same job object, so a change is serialized once and not once per connection.
 * JSON escapes line breaks (and EventSource does not split at U+2028), so job data cannot forge an event.
 */
export class EventCache {
  readonly #base: string
  readonly #clock: Clock
  readonly #encoded = new WeakMap<Job, Encoded>()

  constructor(base: string, clock: Clock) {
    this.#base = base
    this.#clock = clock
  }

  /** `first` is true for the first event of a stream. */
  get(job: Job, first: boolean): Buffer {
    const encoded = this.#encoded.get(job) ?? {}
    this.#encoded.set(job, encoded)
    const kind = first && !isTerminal(job) ? 'snapshot' : 'change'
    encoded[kind] ??= Buffer.from(
      `id: ${job.version}\ndata: ${JSON.stringify(event(job, this.#base, this.#clock.now(), first))}\n\n`,
    )
    return encoded[kind]
  }
}
