import type { Clock } from '../base/clock.ts'
import { isThenable } from '../base/thrown.ts'
import type { HeldJob } from './lease.ts'

/** How long a cancelled handler may take to stop, in milliseconds. Then the job ends without it. */
const cancelGrace = 5_000

/** Ends an attempt even if its handler never settles. */
export class Interruption {
  readonly #cancelTimer: () => void
  #cancelGrace: (() => void) | null = null
  #error: DOMException | null = null
  #reject: ((error: DOMException) => void) | null = null

  constructor(held: HeldJob, timeout: number, clock: Clock) {
    this.#cancelTimer = clock.after(timeout, () => held.abort('timeout'))
    held.onAbort((reason, error) => {
      // A timeout, shutdown or lost lease during the grace period ends it.
      if (reason !== 'cancelled') this.#end(error)
      else this.#cancelGrace ??= clock.after(cancelGrace, () => this.#end(error))
    })
  }

  /** The result of the schema or the handler, unless the interruption comes first. */
  or(given: unknown): unknown {
    if (!isThenable(given)) return given
    return new Promise((resolve, reject) => {
      this.#reject = reject
      // Always handled: an unhandled rejection ends the process.
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
