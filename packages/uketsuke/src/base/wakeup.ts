import { setImmediate } from './timers.ts'

/** A resettable event with one waiter. A notification before the wait counts; several notifications count as one. */
export class Wakeup {
  #pending = false
  #wake: (() => void) | null = null

  readonly notify = (): void => {
    this.#pending = true
    this.#wake?.()
  }

  /** Whether `wait()` would resolve immediately. */
  get isPending(): boolean {
    return this.#pending
  }

  /** Resolves at the first notification since the last `wait()`. Supports one waiter at a time. */
  async wait(): Promise<void> {
    if (!this.#pending) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
    this.#pending = false
  }
}

/**
 * Returns a function that runs `work` at the end of the current turn of the event loop. Runs never overlap; calls
 * during a run cause one more run. `work` must not reject.
 */
export function coalesce(work: () => Promise<void>): () => void {
  let running = false
  let again = false
  async function run(): Promise<void> {
    running = true
    while (again) {
      // Calls in the same turn share one run.
      await new Promise((resolve) => setImmediate(resolve))
      again = false
      await work()
    }
    running = false
  }
  return () => {
    again = true
    if (!running) void run()
  }
}
