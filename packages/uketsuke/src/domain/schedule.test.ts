import { describe, expect, it } from 'vitest'
import { due, graceMs, type Missed, type Times } from './schedule.ts'

const minute = 60_000
/** Every ten minutes, from 0 to 100 minutes. */
const times: Times = {
  next: (after) => {
    const at = (Math.floor(after / (10 * minute)) + 1) * 10 * minute
    return at > 100 * minute ? null : Math.max(0, at)
  },
  previous: (before) => {
    const at = Math.min(100, (Math.ceil(before / (10 * minute)) - 1) * 10) * minute
    return at < 0 ? null : at
  },
}
const minutes = (after: number, now: number, missed: Missed) =>
  due(times, after * minute, now * minute, missed).map((at) => at / minute)

describe('due', () => {
  it.each(['skip', 'latest', 'all'] as const)('has each time once, up to now: %s', (missed) => {
    expect(minutes(0, 9, missed)).toEqual([])
    expect(minutes(9.5, 10, missed)).toEqual([10])
    expect(minutes(10, 10.5, missed)).toEqual([])
    expect(minutes(0, 10.5, missed)).toEqual([10])
  })

  it('has what was missed, by the policy', () => {
    expect(minutes(5, 45, 'skip')).toEqual([])
    expect(minutes(5, 45, 'latest')).toEqual([40])
    expect(minutes(5, 45, 'all')).toEqual([10, 20, 30, 40])
  })

  it('creates no job for a missed time if one is on time', () => {
    expect(minutes(5, 40.5, 'skip')).toEqual([40])
    expect(minutes(5, 40.5, 'latest')).toEqual([40])
    expect(minutes(5, 40.5, 'all')).toEqual([10, 20, 30, 40])
  })

  it('has a time that is as old as the grace allows', () => {
    const at = 10 * minute
    expect(due(times, 0, at + graceMs - 1, 'skip')).toEqual([at])
    expect(due(times, 0, at + graceMs, 'skip')).toEqual([])
    expect(due(times, 0, at + graceMs, 'latest')).toEqual([at])
  })

  it('does not repeat the last time, and ends with the last one', () => {
    expect(minutes(40, 45, 'latest')).toEqual([])
    expect(minutes(-20, -5, 'latest')).toEqual([])
    expect(minutes(95, 900, 'latest')).toEqual([100])
    expect(minutes(95, 900, 'all')).toEqual([100])
  })

  it('has at most a hundred times at once', () => {
    const seconds: Times = { next: (after) => after + 1_000, previous: (before) => before - 1_000 }
    expect(due(seconds, 0, 1_000_000, 'all')).toHaveLength(100)
    expect(due(seconds, 0, 1_000_000, 'all').at(-1)).toBe(100_000)
  })
})
