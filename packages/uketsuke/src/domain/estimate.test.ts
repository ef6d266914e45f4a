import { describe, expect, it } from 'vitest'
import { estimate, runTimesOf } from './estimate.ts'

const running = (progress: number) => ({ status: 'running', startedAt: 1_000, progress }) as const
const steady = { median: 10_000, spread: 0.1, count: 50 }

describe('an estimate', () => {
  it('is by the own speed without a history, from 5 % on', () => {
    expect(estimate(running(50), 6_000, null)).toEqual({ at: 11_000, confidence: 'high' })
    expect(estimate(running(20), 3_000, null)).toEqual({ at: 11_000, confidence: 'medium' })
    expect(estimate(running(10), 2_000, null)).toEqual({ at: 11_000, confidence: 'low' })
    expect(estimate(running(4), 2_000, null)).toBeNull()
  })
  it('is by the history without progress', () => {
    expect(estimate(running(0), 1_500, steady)).toEqual({ at: 11_000, confidence: 'high' })
    expect(estimate(running(0), 1_500, { ...steady, count: 5, spread: 0.4 })?.confidence).toBe('medium')
    expect(estimate(running(0), 1_500, { ...steady, count: 4 })?.confidence).toBe('low')
    // It takes longer than usual.
    expect(estimate(running(0), 21_000, steady)?.at).toBe(22_000)
  })
  it('is between the two, nearer to the own speed the further the job is, and the less its type tells', () => {
    const at = (progress: number, spread: number) =>
      Math.round((estimate(running(progress), 1_000 + 200 * progress, { ...steady, spread })?.at ?? 0) / 1_000)
    // By its own speed, it takes 20 s; usually 10 s, or a little more than it has taken.
    expect([at(10, 0.1), at(50, 0.1), at(80, 0.1)]).toEqual([11, 12, 20])
    expect([at(10, 1), at(50, 1), at(80, 1)]).toEqual([12, 20, 21])
  })
  it('is never in the past, and only of a running job', () => {
    expect(estimate(running(99), 500, steady)?.at).toBeGreaterThanOrEqual(1_000)
    for (const status of ['pending', 'completed', 'failed', 'cancelled'] as const) {
      expect(estimate({ ...running(50), status }, 6_000, steady)).toBeNull()
    }
    expect(estimate({ ...running(50), startedAt: null }, 6_000, steady)).toBeNull()
  })
})

describe('run times', () => {
  it('have a median and a spread', () => {
    expect(runTimesOf([])).toBeNull()
    expect(runTimesOf([7])).toEqual({ median: 7, spread: 0, count: 1 })
    expect(runTimesOf([50, 10, 40, 20, 30])).toEqual({ median: 30, spread: 20 / 30, count: 5 })
    expect(runTimesOf([0, 0, 0])?.median).toBe(1)
  })
})
