import type { Clock } from '../../base/clock.ts'

/**
 * Any number of timeouts of the same length (in milliseconds) with one timer: the first one started expires first. If the system clock
 * is set back, a timeout can take up to twice its length; if it is set forward, a timeout can expire early.
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

  /** Starts or restarts a timeout. */
  start(one: T): void {
    this.#due.delete(one)
    this.#due.set(one, this.#clock.now() + this.#ms)
    this.#cancelTimer ??= this.#clock.after(this.#ms, this.#fire)
  }

  cancel(one: T): void {
    if (this.#due.delete(one) && this.#due.size === 0) this.#stopTimer()
  }

  readonly #fire = (): void => {
    const now = this.#clock.now()
    // Collect before running callbacks: a timeout that a callback restarts is due later, not in this round.
    const expired: [T, number][] = []
    for (const entry of this.#due) {
      const [, due] = entry
      // A due time beyond `now + ms` means that the clock was set back.
      if (due > now && due <= now + this.#ms) break
      expired.push(entry)
    }
    try {
      for (const [one, due] of expired) {
        // An earlier callback may have cancelled or restarted it.
        if (this.#due.get(one) !== due) continue
        this.#due.delete(one)
        this.#expire(one)
      }
    } finally {
      this.#rearm()
    }
  }

  /** Rearms the timer, also after a callback threw. */
  #rearm(): void {
    this.#stopTimer()
    const [next] = this.#due.values()
    if (next === undefined) return
    this.#cancelTimer = this.#clock.after(Math.max(0, next - this.#clock.now()), this.#fire)
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}
