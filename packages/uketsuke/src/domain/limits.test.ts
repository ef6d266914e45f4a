import { describe, expect, it } from 'vitest'
import { dueAt, inClaimOrder, inStartOrder, type Job, rankAt } from './job.ts'
import { admission, type KeyFacts, markTimes, mostAdmitted, mustYield, unlimited } from './limits.ts'
import * as rules from './rules.ts'

const facts = (given: Partial<KeyFacts> = {}): KeyFacts => ({
  state: null,
  ready: 0,
  withdrawn: 0,
  running: 0,
  ...given,
})
const job = rules.create(
  { id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 2, retainFor: 1, runAt: 150, limitKey: 'k' },
  100,
)
const ready = { ...job, parked: false }
const running = rules.claim(ready, 150, { worker: 'w', leaseMs: 10 }) as Job

describe('a job with a key', () => {
  it('is parked until it is admitted, and whenever it waits again', () => {
    expect([job.parked, rules.claim(job, 150, { worker: 'w', leaseMs: 10 })]).toEqual([true, null])
    expect(running).toMatchObject({ status: 'running', parked: false, rank: null })
    expect(rules.release(running, 160)).toMatchObject({ status: 'pending', parked: true, rank: 160_000 })
  })
  it('marks its key when it ends, and when it is due again', () => {
    expect(markTimes(running, rules.succeed(running, 170, '1') as Job)).toEqual([0])
    expect(markTimes(job, rules.cancel(job, 170) as Job)).toEqual([0])
    expect(markTimes(running, rules.release(running, 160, 190) as Job)).toEqual([0, 190])
    expect(markTimes(job, rules.debounce(job, '1', 160, { wait: 20, max: 90 }) as Job)).toEqual([180])
    expect(markTimes(running, rules.progress(running, 5, null) as Job)).toEqual([])
    expect(markTimes({ ...running, limitKey: null }, { ...running, limitKey: null, status: 'completed' })).toEqual([])
  })
})

describe('admission by concurrency', () => {
  const limits = { concurrency: 5, rate: null }
  it('gives the places that no ready or running job takes', () => {
    expect(admission(limits, facts({ ready: 1, running: 2 }), 0).room).toBe(2)
    expect(admission(limits, facts({ running: 9 }), 0).room).toBe(0)
    expect(admission(limits, facts(), 0).after(5)).toEqual({ state: null, again: null })
  })
  it('goes on at once after a full step without a limit', () => {
    const step = admission(unlimited, facts({ running: 9_999 }), 70)
    expect(step.room).toBe(mostAdmitted)
    expect([step.after(mostAdmitted).again, step.after(mostAdmitted - 1).again]).toEqual([70, null])
  })
})

describe('admission by rate', () => {
  const limits = { concurrency: null, rate: { limit: 3, per: 1_000 } }
  const state = (unseen: number, starts: [number, number][]) => JSON.stringify({ unseen, starts })

  it('counts a job that waits for a worker as if it started now', () => {
    const step = admission(limits, facts({ state: state(2, [[4_500, 1]]), ready: 2 }), 5_000)
    expect([step.room, step.after(0)]).toEqual([0, { state: state(2, [[4_500, 1]]), again: 5_250 }])
  })
  it('dates a start when it is seen, and forgets it after a period', () => {
    const seen = admission(limits, facts({ state: state(3, []) }), 5_000)
    expect([seen.room, seen.after(0)]).toEqual([0, { state: state(0, [[5_000, 3]]), again: 6_000 }])
    const later = admission(limits, facts({ state: seen.after(0).state }), 6_000)
    expect([later.room, later.after(0)]).toEqual([3, { state: null, again: null }])
    expect(later.after(3)).toEqual({ state: state(3, []), again: 6_250 })
  })
  it('does not count a job as started that is parked again', () => {
    const step = admission(limits, facts({ state: state(2, []), withdrawn: 2 }), 5_000)
    expect([step.room, step.after(1)]).toEqual([3, { state: state(1, []), again: 5_250 }])
  })
  it('keeps starts that are close together as one, at the later time', () => {
    const close = admission(limits, facts({ state: state(1, [[4_995, 1]]) }), 5_000).after(0)
    expect(close.state).toBe(state(0, [[5_000, 2]]))
    const apart = admission(limits, facts({ state: state(1, [[4_990, 1]]) }), 5_000).after(0)
    // With room left, only to forget the last.
    expect(apart).toEqual({
      state: state(0, [
        [4_990, 1],
        [5_000, 1],
      ]),
      again: 6_000,
    })
  })
  it('waits for the oldest start to leave the period once there is no more room', () => {
    const full = {
      state: state(0, [
        [4_200, 2],
        [4_900, 1],
      ]),
    }
    const step = admission(limits, facts(full), 5_000)
    expect([step.room, step.after(0)]).toEqual([0, { ...full, again: 5_200 }])
  })
  it('looks again after a period if concurrency leaves no room and nothing has started', () => {
    const both = { concurrency: 1, rate: { limit: 3, per: 1_000 } }
    const step = admission(both, facts({ running: 1 }), 5_000)
    expect([step.room, step.after(0)]).toEqual([0, { state: null, again: null }])
  })
})

describe('ready jobs yield', () => {
  const at = (rank: number, priority: 'high' | 'normal' = 'normal') => ({ rank, priority })
  it('to a parked job that comes before the last of them', () => {
    expect(mustYield(at(5), at(4))).toBe(true)
    expect(mustYield(at(5), at(9, 'high'))).toBe(true)
    expect([mustYield(at(5), at(5)), mustYield(at(5, 'high'), at(4))]).toEqual([false, false])
    expect([mustYield(null, at(4)), mustYield(at(5), null)]).toEqual([false, false])
    expect(mustYield({ ...at(0), rank: null }, { ...at(0), rank: null })).toBe(false)
  })
})

describe('ranks', () => {
  it('are times in microseconds', () => {
    expect([rankAt(5), dueAt(5_000), dueAt(5_001)]).toEqual([5_000, 5, 6])
  })
  it('are missing in jobs that have started', () => {
    expect([running, { ...running, id: 'b' }].sort(inClaimOrder).map(({ id }) => id)).toEqual(['a', 'b'])
  })
  it('do not order jobs that have started', () => {
    const at = (id: string, runAt: number, priority: 'high' | 'normal' = 'normal') => ({
      ...running,
      id,
      runAt,
      priority,
    })
    const sorted = [at('b', 2), at('a', 2), at('c', 1), at('d', 9, 'high')].sort(inStartOrder)
    expect(sorted.map(({ id }) => id)).toEqual(['d', 'c', 'a', 'b'])
  })
})
