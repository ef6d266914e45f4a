import { setImmediate } from './timers.ts'

/** Rings and is waited for: a ring before the wait counts, many rings are one. */
export class Bell {
  #rung = false
  #wake: (() => void) | null = null

  readonly ring = (): void => {
    this.#rung = true
    this.#wake?.()
  }

  /** Whether a wait would be over at once. */
  get isRung(): boolean {
    return this.#rung
  }

  /** Resolves at the next ring since the last time it was waited for. One waiter. */
  async rung(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
    this.#rung = false
  }
}

/** Runs `work` at the end of this turn, never twice at a time; asking during a run makes one more follow. `work` must not reject. */
export function oneAtATime(work: () => Promise<void>): () => void {
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
