import type { Clock } from '../base/clock.ts'
import { isThenable } from '../base/thrown.ts'
import type { HeldJob } from './lease.ts'

/** A handler that was asked to stop may take this long to do so tidily; then the job ends without it. Milliseconds. */
const cancelGrace = 5_000

/** The end of an attempt whether its handler ends or not: it may never settle. */
export class Interruption {
  readonly #cancelTimer: () => void
  #cancelGrace: (() => void) | null = null
  #error: DOMException | null = null
  #reject: ((error: DOMException) => void) | null = null

  constructor(held: HeldJob, timeout: number, clock: Clock) {
    this.#cancelTimer = clock.after(timeout, () => held.abort('timeout'))
    held.onAbort((reason, error) => {
      // A harder reason that comes during the grace ends it.
      if (reason !== 'cancelled') this.#end(error)
      else this.#cancelGrace ??= clock.after(cancelGrace, () => this.#end(error))
    })
  }

  /** What the schema or the handler gives, unless the interruption is there first. */
  or(given: unknown): unknown {
    if (!isThenable(given)) return given
    return new Promise((resolve, reject) => {
      this.#reject = reject
      // Listened to in any case: a rejection that nobody hears ends the process.
      given.then(resolve, reject)
      if (this.#error) reject(this.#error)
    })
  }

  clear(): void {
    this.#cancelTimer()
    this.#cancelGrace?.()
  }

  #end(error: DOMException): void {
    this.#error = error
    this.#reject?.(error)
  }
}
