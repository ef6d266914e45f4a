import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { clockOn } from './clock.ts'

let clock: ReturnType<typeof clockOn>
beforeEach(() => {
  vi.useFakeTimers()
  clock = clockOn(globalThis)
})
afterEach(() => void vi.useRealTimers())
const day = 24 * 60 * 60_000

it.each([24, 25, 40, 366])('a timer of %i days goes off when they are over, and not before', (days) => {
  const rung = vi.fn()
  clock.after(days * day, rung)
  vi.advanceTimersByTime(days * day - 1)
  expect(rung).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(rung).toHaveBeenCalledOnce()
  expect(vi.getTimerCount()).toBe(0)
})

it.each([1, 30])('a long timer that is taken back after %i days never goes off', (days) => {
  const rung = vi.fn()
  const cancel = clock.after(40 * day, rung)
  vi.advanceTimersByTime(days * day)
  cancel()
  vi.advanceTimersByTime(80 * day)
  expect(rung).not.toHaveBeenCalled()
})

it('a timer without an end keeps waiting', () => {
  const rung = vi.fn()
  clock.after(Number.POSITIVE_INFINITY, rung)
  vi.advanceTimersByTime(1_000 * day)
  expect(rung).not.toHaveBeenCalled()
})
