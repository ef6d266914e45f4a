import { setImmediate } from './timers.ts'

/** Rings and is waited for: a ring before the wait counts, many rings are one. */
export class Wakeup {
  #pending = false
  #wake: (() => void) | null = null

  readonly notify = (): void => {
    this.#pending = true
    this.#wake?.()
  }

  /** Whether a wait would be over at once. */
  get isPending(): boolean {
    return this.#pending
  }

  /** Resolves at the next ring since the last time it was waited for. One waiter. */
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

/** Runs `work` at the end of this turn, never twice at a time; asking during a run makes one more follow. `work` must not reject. */
export function coalesce(work: () => Promise<void>): () => void {
  let running = false
  let again = false
  async function run(): Promise<void> {
    running = true
    while (again) {
      // What is asked for in the same turn goes along.
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
