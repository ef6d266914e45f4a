import type { Clock } from '../base/clock.ts'
import { setImmediate } from '../base/timers.ts'

/** A clock that advances only on request, so that tests need not wait in real time. */
export interface ManualClock extends Clock {
  /** The number of pending timers, not counting background timers. */
  readonly pending: number
  /**
   * Advances time by `ms` milliseconds. Timers fire in time order, including those set on the way. Before the next
   * timer fires, the promises, microtasks and immediates that the previous one triggered are run. Do not call it
   * concurrently.
   */
  advance(ms: number): Promise<void>
  /** Sets the time forward by `ms` milliseconds, as after a sleep: a timer that was due meanwhile fires once, even if it repeats. */
  jump(ms: number): Promise<void>
}

interface Timer {
  readonly at: number
  readonly fn: () => void
  readonly background: boolean
}

/** Creates a manual clock. `start` is in milliseconds since the epoch; the start of 2026 (UTC) by default. */
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
    async jump(ms) {
      now += ms
      await settle()
      const due = [...timers].filter((timer) => timer.at <= now).sort((a, b) => a.at - b.at)
      for (const timer of due) {
        if (!timers.delete(timer)) continue
        timer.fn()
        await settle()
      }
    },
  }
}

/** A `Set` keeps insertion order, so of timers with equal times the oldest fires first. */
function first(timers: Iterable<Timer>, end: number): Timer | null {
  let earliest: Timer | null = null
  for (const timer of timers) {
    if (timer.at <= end && (earliest === null || timer.at < earliest.at)) earliest = timer
  }
  return earliest
}

/**
 * Group commit resolves after a `setImmediate`, and its callers may write again. A few turns let such a chain finish.
 */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
