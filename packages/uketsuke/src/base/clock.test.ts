import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { clockOn } from './clock.ts'

let clock: ReturnType<typeof clockOn>
beforeEach(() => {
  vi.useFakeTimers()
  clock = clockOn(globalThis)
})
afterEach(() => void vi.useRealTimers())
const day = 24 * 60 * 60_000

it.each([24, 25, 40, 366])('a timer of %i days fires on time and not early', (days) => {
  const fired = vi.fn()
  clock.after(days * day, fired)
  vi.advanceTimersByTime(days * day - 1)
  expect(fired).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(fired).toHaveBeenCalledOnce()
  expect(vi.getTimerCount()).toBe(0)
})

it.each([1, 30])('a long timer that is cancelled after %i days never fires', (days) => {
  const fired = vi.fn()
  const cancel = clock.after(40 * day, fired)
  vi.advanceTimersByTime(days * day)
  cancel()
  vi.advanceTimersByTime(80 * day)
  expect(fired).not.toHaveBeenCalled()
})

it('an infinite timer never fires', () => {
  const fired = vi.fn()
  clock.after(Number.POSITIVE_INFINITY, fired)
  vi.advanceTimersByTime(1_000 * day)
  expect(fired).not.toHaveBeenCalled()
})
