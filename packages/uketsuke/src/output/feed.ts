import type { Clock } from '../base/clock.ts'

/** The shortest and the longest time between two looks at a stream that another process may write, in milliseconds. */
const [soonest, latest] = [100, 1_000]

/** Wakes the readers of live output: at once for what this process writes, and again and again for what others do. */
export class OutputFeed {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** This process has stored output of the job, or learned that the job has changed. */
  wrote(jobId: string): void {
    const waiting = this.#waiting.get(jobId)
    if (waiting === undefined) return
    this.#waiting.delete(jobId)
    for (const wake of waiting) wake()
  }

  /** Resolves when there may be more to read. `quiet` is how many times in a row there was nothing: each look comes later than the last. */
  wait(jobId: string, quiet: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const waiting = this.#waiting.get(jobId) ?? new Set()
      this.#waiting.set(jobId, waiting)
      const wake = () => {
        cancelTimer()
        signal.removeEventListener('abort', wake)
        waiting.delete(wake)
        if (waiting.size === 0 && this.#waiting.get(jobId) === waiting) this.#waiting.delete(jobId)
        resolve()
      }
      const cancelTimer = this.#clock.after(Math.min(latest, soonest * 1.5 ** Math.min(quiet, 10)), wake)
      signal.addEventListener('abort', wake)
      waiting.add(wake)
    })
  }
}
