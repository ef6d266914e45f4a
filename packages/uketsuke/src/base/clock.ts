import { clearTimeout, setTimeout } from './timers.ts'

/** Time and waiting, injected so that tests never sleep to be right. All in milliseconds. */
export interface Clock {
  now(): number
  /** Calls `fn` once, `ms` from now; the returned function takes that back. A background timer does not keep the process alive. */
  after(ms: number, fn: () => void, options?: { background?: boolean }): () => void
}

/** A clock on such timers as Node's are. */
export const clockOn = (timers: Timers): Clock => ({
  now: Date.now,
  after(ms, fn, { background = false } = {}) {
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

/** A timer of Node's that is set for longer goes off at once: some 24 days. */
const longest = 2 ** 31 - 1

/** Resolves after `ms`, or as soon as `signal` aborts: it never rejects, the caller looks at why it woke. */
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
