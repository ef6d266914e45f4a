import type { Clock } from '../../base/clock.ts'
import type { Batch } from '../../domain/batch.ts'

/** How often the jobs of a batch are counted for a stream, in milliseconds. */
const countMs = 500

/** Reads the states of a batch for one stream, until all its jobs have ended or are deleted. */
export class BatchReader {
  onChange: (() => void) | null = null
  readonly #count: () => Promise<Batch | null>
  readonly #clock: Clock
  /** Undefined: nothing new. */
  #next: Batch | null | undefined
  #version: number
  #ended = false
  #cancel = () => {}

  /** `version` is what the client has already. */
  constructor(count: () => Promise<Batch | null>, clock: Clock, version: number) {
    this.#count = count
    this.#clock = clock
    this.#version = version
    this.#wait()
  }

  take(): Batch | null | undefined {
    const next = this.#next
    this.#next = this.#ended && next !== null ? null : undefined
    return next
  }

  close(): void {
    this.#ended = true
    this.#next = null
    this.#cancel()
  }

  #wait(): void {
    this.#cancel = this.#clock.after(countMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    // The store is down: the next look may succeed.
    const batch = await this.#count().catch(() => undefined)
    if (this.#ended) return
    if (batch === null) this.#ended = true
    else if (batch !== undefined) this.#ended = batch.view.completedAt !== null
    if (batch === null || (batch !== undefined && batch.version !== this.#version)) {
      this.#next = batch
      this.#version = batch?.version ?? 0
    } else if (this.#ended) this.#next = null
    if (!this.#ended) this.#wait()
    if (this.#next !== undefined) this.onChange?.()
  }
}
