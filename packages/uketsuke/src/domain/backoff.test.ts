import { describe, expect, it } from 'vitest'
import { defaultBackoff, exponential, webhookBackoff } from './backoff.ts'

describe('exponential', () => {
  it('doubles from the base up to the maximum', () => {
    const waits = [1, 2, 3, 4, 20].map((attempt) => exponential({ base: 100, max: 500 }, attempt, 1))
    expect(waits).toEqual([100, 200, 400, 500, 500])
  })
  it('randomizes at most half of the wait', () => {
    expect(exponential(defaultBackoff, 1, 0)).toBe(500)
    expect(exponential(defaultBackoff, 1, 1)).toBe(1_000)
  })
})

describe('webhookBackoff', () => {
  const hour = 3_600_000
  it('follows the documented delivery schedule', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempt) => webhookBackoff(attempt, 0, 0))
    expect(waits).toEqual([5_000, 300_000, 1_800_000, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour])
  })
  it('adds up to 20 % jitter and clamps attempts outside the schedule', () => {
    expect(webhookBackoff(1, 0, 1)).toBe(6_000)
    expect(webhookBackoff(50, 0, 0)).toBe(24 * hour)
    expect(webhookBackoff(0, 0, 0)).toBe(5_000)
  })
  it('honors the wait that the receiver requests, up to one day', () => {
    expect(webhookBackoff(1, 60_000, 0)).toBe(60_000)
    expect(webhookBackoff(1, 90 * hour, 0)).toBe(24 * hour)
  })
})
