import { describe, expect, it } from 'vitest'
import {
  define,
  due,
  graceMs,
  type Missed,
  pause,
  ran,
  requestedRunDone,
  requestRun,
  resume,
  type Schedule,
  type ScheduleDefinition,
  type Times,
} from './schedule.ts'

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

describe('the changes of a schedule', () => {
  const asked: ScheduleDefinition = {
    ...{ type: 't', input: { n: 1 }, cron: '0 2 * * *', timezone: 'UTC', owner: 'o' },
    ...{ missed: 'latest', declared: true },
  }
  const fresh = define(null, asked, 100) as Schedule

  it('define begins from now on', () => {
    const state = { paused: false, after: 100, lastRunAt: null, lastJobId: null, runRequestedAt: null }
    expect(fresh).toEqual({ ...asked, ...state })
  })

  it('define changes nothing if the definition is the same, whatever the state', () => {
    const used = requestRun(ran(pause(fresh) as Schedule, 200, 'job') as Schedule, 250)
    expect(define(used, structuredClone(asked), 300)).toBeNull()
    for (const change of [{ cron: '0 3 * * *' }, { input: { n: 2 } }, { declared: false }, { owner: 'p' }]) {
      expect(define(used, { ...asked, ...change }, 300)).toEqual({ ...used, ...change, after: 300 })
    }
  })

  it('pause and resume skip the times in between', () => {
    const paused = pause(fresh) as Schedule
    expect([paused.paused, pause(paused), resume(fresh, 300)]).toEqual([true, null, null])
    expect(resume(paused, 300)).toEqual({ ...fresh, after: 300 })
  })

  it('ran is for later times only, and keeps the last job', () => {
    const once = ran(fresh, 200, 'job') as Schedule
    expect(once).toEqual({ ...fresh, after: 200, lastRunAt: 200, lastJobId: 'job' })
    expect(ran(once, 300, null)).toEqual({ ...once, after: 300, lastRunAt: 300 })
    expect([ran(once, 200, 'twin'), ran(once, 150, 'late')]).toEqual([null, null])
  })

  it('a requested run is done once, unless there is a newer request', () => {
    const requested = requestRun(fresh, 300)
    expect(requestedRunDone(requested, 300)).toEqual(fresh)
    expect(requestedRunDone(requestRun(requested, 400), 300)).toBeNull()
    expect(requestedRunDone(fresh, 300)).toBeNull()
  })
})
