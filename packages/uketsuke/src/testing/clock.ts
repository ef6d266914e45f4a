import type { Clock } from '../base/clock.ts'
import { setImmediate } from '../base/timers.ts'

/** A clock that stands still until it is told otherwise, so that a test never sleeps to be right. */
export interface ManualClock extends Clock {
  /** How many timers wait that would keep a program alive: those in the background do not count. */
  readonly pending: number
  /**
   * Moves time on by `ms`. Timers fire in the order of their times, those they set on the way included; what each one set off has
   * settled (promises, microtasks, immediates) before the next one fires. One `advance` at a time.
   */
  advance(ms: number): Promise<void>
}

interface Timer {
  readonly at: number
  readonly fn: () => void
  readonly background: boolean
}

/** `start` is in milliseconds since the epoch; by default the beginning of 2026. */
export function manualClock(start: number = Date.UTC(2026, 0, 1)): ManualClock {
  let now = start
  const timers = new Set<Timer>()

  return {
    now: () => now,
    after(ms, fn, { background = false } = {}) {
      const timer = { at: now + Math.max(0, Math.ceil(ms)), fn, background }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    get pending() {
      return [...timers].filter((timer) => !timer.background).length
    },
    async advance(ms) {
      const end = now + ms
      await settle()
      for (let timer = first(timers, end); timer !== null; timer = first(timers, end)) {
        timers.delete(timer)
        now = timer.at
        timer.fn()
        await settle()
      }
      now = end
      await settle()
    },
  }
}

/** A set keeps the order of insertion, so among equal times the oldest timer wins. */
function first(timers: Iterable<Timer>, end: number): Timer | null {
  let earliest: Timer | null = null
  for (const timer of timers) {
    if (timer.at <= end && (earliest === null || timer.at < earliest.at)) earliest = timer
  }
  return earliest
}

/** Group commit answers from a `setImmediate`, and what it answers may ask again: a few turns let such a chain run out. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
