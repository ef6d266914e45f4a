import type { Clock } from '../../base/clock.ts'

/**
 * Waits of one length, any number of them with one timer: who began first is due first. Milliseconds. Where the system's time is set
 * back, a wait may be longer by its own length at most; where it is set forward, shorter.
 */
export class Deadlines<T> {
  readonly #clock: Clock
  readonly #ms: number
  readonly #expire: (one: T) => void
  readonly #due = new Map<T, number>()
  #cancelTimer: (() => void) | null = null

  constructor(clock: Clock, ms: number, expire: (one: T) => void) {
    this.#clock = clock
    this.#ms = ms
    this.#expire = expire
  }

  /** Begins, or begins again. */
  start(one: T): void {
    this.#due.delete(one)
    this.#due.set(one, this.#clock.now() + this.#ms)
    this.#cancelTimer ??= this.#clock.after(this.#ms, this.#fire)
  }

  cancel(one: T): void {
    if (this.#due.delete(one) && this.#due.size === 0) this.#rest()
  }

  readonly #fire = (): void => {
    const now = this.#clock.now()
    // Taken before any of them runs: one that starts again while time passes here is due later, not now.
    const expired: [T, number][] = []
    for (const entry of this.#due) {
      const [, due] = entry
      // Later than any wait can be: time was set back.
      if (due > now && due <= now + this.#ms) break
      expired.push(entry)
    }
    try {
      for (const [one, due] of expired) {
        // An earlier one may have cancelled or restarted it.
        if (this.#due.get(one) !== due) continue
        this.#due.delete(one)
        this.#expire(one)
      }
    } finally {
      this.#again()
    }
  }

  /** One that throws must not take the timer of all the others along. */
  #again(): void {
    this.#rest()
    const [next] = this.#due.values()
    if (next === undefined) return
    this.#cancelTimer = this.#clock.after(Math.max(0, next - this.#clock.now()), this.#fire)
  }

  #rest(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}
