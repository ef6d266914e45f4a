import { describe, expect, it } from 'vitest'
import type { Clock } from '../../base/clock.ts'
import { manualClock } from '../../testing/clock.ts'
import { Deadlines } from './deadlines.ts'

/** A clock that advances by a millisecond with each reading, as with slow callbacks. */
function slowClock() {
  const manual = manualClock()
  let lag = 0
  const clock: Clock = { now: () => manual.now() + lag++, after: (ms, fn) => manual.after(ms, fn) }
  const pass = (ms: number) => {
    lag += ms
  }
  return { clock, advance: manual.advance, pass }
}

describe('Deadlines', () => {
  it.each([0, 1, 20])(
    'expires each timeout once when every callback takes %i ms and restarts its timeout',
    async (ms) => {
      const { clock, advance, pass } = slowClock()
      const beats = new Map<string, number>()
      const deadlines = new Deadlines<string>(clock, 15_000, (one) => {
        if ((beats.get(one) ?? 0) > 100) throw new Error('too many callbacks')
        beats.set(one, (beats.get(one) ?? 0) + 1)
        pass(ms)
        deadlines.start(one)
      })
      for (const one of ['a', 'b', 'c']) deadlines.start(one)
      await advance(15_100)
      expect([...beats]).toEqual([
        ['a', 1],
        ['b', 1],
        ['c', 1],
      ])
      await advance(15_100)
      expect([...beats.values()]).toEqual([2, 2, 2])
    },
  )

  it('skips a timeout that an earlier callback of the same round cancelled or restarted', async () => {
    const clock = manualClock()
    const expired: string[] = []
    const deadlines = new Deadlines<string>(clock, 100, (one) => {
      expired.push(one)
      if (one !== 'a') return
      deadlines.cancel('b')
      deadlines.start('c')
    })
    for (const one of ['a', 'b', 'c']) deadlines.start(one)
    await clock.advance(100)
    expect(expired).toEqual(['a'])
    await clock.advance(100)
    expect(expired).toEqual(['a', 'c'])
    expect(clock.pending).toBe(0)
  })

  it('keeps the other timeouts when a callback throws', async () => {
    const clock = manualClock()
    const expired: string[] = []
    const deadlines = new Deadlines<string>(clock, 1_000, (one) => {
      expired.push(one)
      if (one === 'a') throw new Error('callback failed')
    })
    for (const one of ['a', 'b']) deadlines.start(one)
    await expect(clock.advance(1_000)).rejects.toThrow('callback failed')
    await clock.advance(1)
    expect(expired).toEqual(['a', 'b'])
    expect(clock.pending).toBe(0)
  })

  it('keeps working when the system clock is set back or forward', async () => {
    const manual = manualClock()
    let shift = 0
    const clock: Clock = { now: () => manual.now() + shift, after: (ms, fn) => manual.after(ms, fn) }
    let beats = 0
    const deadlines = new Deadlines<string>(clock, 1_000, (one) => {
      beats++
      deadlines.start(one)
    })
    deadlines.start('a')
    shift = -3_600_000
    await manual.advance(1_000)
    expect(beats).toBe(1)
    await manual.advance(1_000)
    expect(beats).toBe(2)
    shift = 3_600_000
    await manual.advance(2_000)
    expect(beats).toBeGreaterThanOrEqual(3)
    expect(beats).toBeLessThanOrEqual(4)
  })
})
