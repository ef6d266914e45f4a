import { describe, expect, it } from 'vitest'
import { sleep } from '../base/clock.ts'
import { manualClock } from './clock.ts'

describe('manualClock', () => {
  it('advances only on request', async () => {
    const clock = manualClock(1_000)
    expect(clock.now()).toBe(1_000)
    await clock.advance(50)
    expect(clock.now()).toBe(1_050)
  })

  it('fires timers in time order, each at its own time', async () => {
    const clock = manualClock(0)
    const fired: [string, number][] = []
    const at = (ms: number, name: string) => clock.after(ms, () => void fired.push([name, clock.now()]))
    at(30, 'c')
    at(10, 'a')
    at(20, 'b')
    at(10, 'a, set later')
    at(31, 'too late')
    await clock.advance(30)
    expect(fired).toEqual([
      ['a', 10],
      ['a, set later', 10],
      ['b', 20],
      ['c', 30],
    ])
    expect(clock.pending).toBe(1)
  })

  it('fires timers that were set on the way, after the effects of earlier ones have settled', async () => {
    const clock = manualClock(0)
    const seen: number[] = []
    const loop = async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, 10)
        seen.push(clock.now())
      }
    }
    const done = loop()
    await clock.advance(30)
    await done
    expect(seen).toEqual([10, 20, 30])
    expect(clock.pending).toBe(0)
  })

  it('does not fire a cancelled timer, even if a timer of the same time cancelled it', async () => {
    const clock = manualClock()
    const fired: string[] = []
    let cancel = () => {}
    clock.after(5, () => {
      fired.push('first')
      cancel()
    })
    cancel = clock.after(5, () => void fired.push('second'))
    await clock.advance(10)
    expect(fired).toEqual(['first'])
  })
})
