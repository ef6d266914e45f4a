import { describe, expect, it } from 'vitest'
import { defaultBackoff, exponential, webhookBackoff } from './backoff.ts'

describe('exponential', () => {
  it('doubles from the base up to the maximum', () => {
    const waits = [1, 2, 3, 4, 20].map((attempt) => exponential({ base: 100, max: 500 }, attempt, 1))
    expect(waits).toEqual([100, 200, 400, 500, 500])
  })
  it('draws at most half of the wait', () => {
    expect(exponential(defaultBackoff, 1, 0)).toBe(500)
    expect(exponential(defaultBackoff, 1, 1)).toBe(1_000)
  })
})

describe('deliveryWait', () => {
  const hour = 3_600_000
  it('is the schedule of the contract', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempt) => webhookBackoff(attempt, 0, 0))
    expect(waits).toEqual([5_000, 300_000, 1_800_000, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour])
  })
  it('adds up to a fifth of jitter, and outlives its table', () => {
    expect(webhookBackoff(1, 0, 1)).toBe(6_000)
    expect(webhookBackoff(50, 0, 0)).toBe(24 * hour)
    expect(webhookBackoff(0, 0, 0)).toBe(5_000)
  })
  it('waits as long as the receiver asks, up to a day', () => {
    expect(webhookBackoff(1, 60_000, 0)).toBe(60_000)
    expect(webhookBackoff(1, 90 * hour, 0)).toBe(24 * hour)
  })
})
