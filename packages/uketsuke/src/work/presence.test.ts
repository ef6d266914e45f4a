import { expect, it } from 'vitest'
import { silentLog } from '../base/log.ts'
import { memoryRecords } from '../store/memory-records.ts'
import { allTypes } from '../store/records.ts'
import { manualClock } from '../testing/clock.ts'
import { Presence, readWorkers, setPaused, setQuiet } from './presence.ts'

function setUp() {
  const clock = manualClock()
  const records = memoryRecords()
  const about = { id: 'w1', types: ['a', 'b'], concurrency: 3, running: () => 2 }
  const presence = new Presence({ records, clock, log: silentLog }, about)
  const stopped = new AbortController()
  const running = presence.run(stopped.signal)
  const stop = async () => {
    stopped.abort()
    await running
  }
  return { clock, records, presence, stop }
}

it('reports a worker every five seconds, and takes the report back when it stops', async () => {
  const { clock, records, stop } = setUp()
  await clock.advance(0)
  const [first] = await readWorkers(records, clock.now())
  expect(first).toMatchObject({ id: 'w1', types: ['a', 'b'], concurrency: 3, running: 2, quiet: false })
  await clock.advance(5_000)
  const [second] = await readWorkers(records, clock.now())
  expect(second?.seenAt).toBe((first?.seenAt ?? 0) + 5_000)
  await stop()
  expect(await readWorkers(records, clock.now())).toEqual([])
})

it('claims no paused types within a second, and nothing while it is quiet, from its next report on', async () => {
  const { clock, records, presence, stop } = setUp()
  await clock.advance(0)
  await setPaused(records, 'a', true, 0)
  expect(presence.claimable(['a', 'b'])).toEqual(['a', 'b'])
  await clock.advance(1_000)
  expect(presence.claimable(['a', 'b'])).toEqual(['b'])
  await setPaused(records, allTypes, true, 0)
  await clock.advance(1_000)
  expect(presence.claimable(['a', 'b'])).toEqual([])
  expect(presence.claimable(['uketsuke.webhook'])).toEqual(['uketsuke.webhook'])
  await setPaused(records, allTypes, false, 0)
  await clock.advance(1_000)
  expect(presence.claimable(['a', 'b'])).toEqual(['b'])
  expect(await setQuiet(records, 'w1', true)).toBe(true)
  await clock.advance(5_000)
  expect(presence.claimable(['a', 'b'])).toEqual([])
  await setPaused(records, 'a', false, 0)
  await setQuiet(records, 'w1', false)
  await clock.advance(5_000)
  expect(presence.claimable(['a', 'b'])).toEqual(['a', 'b'])
  await stop()
})

it('goes on after an outage of the store, and keeps what it knew', async () => {
  const { clock, records, presence, stop } = setUp()
  await setPaused(records, 'a', true, 0)
  await clock.advance(5_000)
  const { update } = records
  Object.assign(records, { update: () => Promise.reject(new Error('down')) })
  await clock.advance(20_000)
  expect(presence.claimable(['a', 'b'])).toEqual(['b'])
  Object.assign(records, { update })
  await clock.advance(5_000)
  expect((await readWorkers(records, clock.now()))[0]?.seenAt).toBeGreaterThan(clock.now() - 5_000)
  await stop()
})

it('forgets a worker that was not seen for an hour', async () => {
  const { clock, records } = setUp()
  await clock.advance(0)
  await records.update('worker', 'uketsuke', 'dead', () => JSON.stringify({ seenAt: clock.now() - 3_600_001 }))
  await records.update('worker', 'uketsuke', 'damaged', () => '{')
  expect((await readWorkers(records, clock.now())).map(({ id }) => id)).toEqual(['w1'])
  expect(await setQuiet(records, 'dead', true)).toBe(false)
})
