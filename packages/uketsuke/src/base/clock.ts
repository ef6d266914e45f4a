import { clearTimeout, setTimeout } from './timers.ts'

/** A source of time and timers, injected so that tests do not depend on real time. All values are in milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /**
   * Calls `fn` once after `ms`. The returned function cancels the timer. A background timer does not keep the process
   * alive.
   */
  after(ms: number, fn: () => void, options?: { background?: boolean }): () => void
}

/** A clock that uses the given timers. */
export const clockOn = (timers: Timers): Clock => ({
  now: Date.now,
  after(ms, fn, { background = false } = {}) {
    if (ms <= longest) {
      const timer = timers.setTimeout(fn, ms)
      if (background) timer.unref()
      return () => timers.clearTimeout(timer)
    }
    let timer: NodeJS.Timeout
    const wait = (left: number) => {
      const step = Math.min(left, longest)
      timer = timers.setTimeout(() => (left > step ? wait(left - step) : fn()), step)
      if (background) timer.unref()
    }
    wait(ms)
    return () => timers.clearTimeout(timer)
  },
})

export const systemClock: Clock = clockOn({ setTimeout, clearTimeout })

interface Timers {
  setTimeout(fn: () => void, ms: number): NodeJS.Timeout
  clearTimeout(timer: NodeJS.Timeout): void
}

/** Node fires timers with a longer delay immediately. About 24 days. */
const longest = 2 ** 31 - 1

/** Resolves after `ms`, or as soon as `signal` aborts. Never rejects: the caller checks the signal. */
export function sleep(
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
  options: { background?: boolean } = {},
): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const wake = () => {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.after(ms, wake, options)
    signal?.addEventListener('abort', wake)
  })
}
