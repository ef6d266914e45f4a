import { expect, it } from 'vitest'
import { silentLog } from '../base/log.ts'
import { change } from '../domain/change.ts'
import * as rules from '../domain/rules.ts'
import { memoryRecords } from '../store/memory-records.ts'
import { manualClock } from '../testing/clock.ts'
import { StatisticsReader } from './reader.ts'
import { Recorder } from './recorder.ts'

const minute = 60_000

function setUp() {
  const clock = manualClock()
  const records = memoryRecords()
  const recorders = [1, 2].map(() => new Recorder({ records, clock, log: silentLog }))
  /** A process runs a job of this type for so long. */
  const ran = async (recorder: Recorder, type: string, ms: number, fails = false) => {
    const job = rules.create({ id: 'j', type, owner: 'o', input: '{}', maxAttempts: 1, retainFor: 1e9 }, clock.now())
    const running = rules.claim(job, clock.now(), { worker: 'w', leaseMs: 1e6 })!
    recorder.claimed([running])
    await clock.advance(ms)
    const error = { code: 'x', message: 'no', retryable: false }
    const ended = fails ? rules.fail(running, clock.now(), error, 0) : rules.succeed(running, clock.now(), '1')
    recorder.changed(change(running, ended!, clock.now()))
  }
  return { clock, records, recorders: recorders as [Recorder, Recorder], ran, reader: new StatisticsReader(records) }
}

it('adds up the processes, each minute by itself, and each hour', async () => {
  const { clock, recorders, ran, reader } = setUp()
  const [one, other] = recorders
  await ran(one, 'report', 100)
  await ran(other, 'report', 200, true)
  await clock.advance(2 * minute)
  await ran(one, 'report', 300)
  await clock.advance(10_000)
  const minutes = await reader.series('minute', 5, clock.now())
  expect(minutes).toHaveLength(5)
  const counts = minutes.map(({ tally }) => [tally.types.report?.completed ?? 0, tally.types.report?.failed ?? 0])
  expect(counts.filter(([completed = 0, failed = 0]) => completed + failed > 0)).toEqual([
    [1, 1],
    [1, 0],
  ])
  const hours = await reader.series('hour', 2, clock.now())
  expect(hours.reduce((sum, { tally }) => sum + (tally.types.report?.completed ?? 0), 0)).toBe(2)
})

it('writes only while there is something new, and once more at the end', async () => {
  const { clock, records, recorders, ran } = setUp()
  let writes = 0
  const { update } = records
  Object.assign(records, {
    update: (...args: Parameters<typeof update>) => {
      writes++
      return update(...args)
    },
  })
  await clock.advance(10 * minute)
  expect(writes).toBe(0)
  await ran(recorders[0], 'report', 10)
  await clock.advance(minute)
  expect(writes).toBe(2)
  await ran(recorders[0], 'report', 10)
  await recorders[0].write()
  const before = writes
  await recorders[0].write()
  expect([before > 2, writes]).toEqual([true, before])
})

it('reads what is settled once, and still sees what is written late', async () => {
  const { clock, records, recorders, ran, reader } = setUp()
  await ran(recorders[0], 'report', 10)
  await clock.advance(10_000)
  const completed = async () =>
    (await reader.series('minute', 60, clock.now())).reduce(
      (sum, { tally }) => sum + (tally.types.report?.completed ?? 0),
      0,
    )
  expect(await completed()).toBe(1)
  await ran(recorders[1], 'report', 10)
  await clock.advance(10_000)
  expect(await completed()).toBe(2)
  await clock.advance(10 * minute)
  expect(await completed()).toBe(2)
  const list = records.list
  let read = 0
  Object.assign(records, {
    list: async (...args: Parameters<typeof list>) => {
      const found = await list(...args)
      read += found.length
      return found
    },
  })
  expect(await completed()).toBe(2)
  expect(read).toBe(0)
  await clock.advance(90 * minute)
  expect(await completed()).toBe(0)
})

it('forgets what is older than two hours by the minute, and than two weeks by the hour', async () => {
  const { clock, records, recorders, ran } = setUp()
  const kept = async (period: string) =>
    (await records.list('statistics', 'uketsuke', `${period}/`, 1_000)).filter(({ id }) => id.startsWith(`${period}/`))
      .length
  for (let n = 0; n < 20; n++) {
    await ran(recorders[0], 'report', 10)
    await clock.advance(24 * 60 * minute)
  }
  await ran(recorders[0], 'report', 10)
  await clock.advance(10_000)
  expect(await kept('minute')).toBe(1)
  expect(await kept('hour')).toBeLessThanOrEqual(15)
})

it('keeps its counts during an outage of the store', async () => {
  const { clock, records, recorders, ran, reader } = setUp()
  const { update } = records
  Object.assign(records, { update: () => Promise.reject(new Error('down')) })
  await ran(recorders[0], 'report', 10)
  await clock.advance(2 * minute)
  await ran(recorders[0], 'report', 10)
  await clock.advance(10_000)
  Object.assign(records, { update })
  await clock.advance(10_000)
  const minutes = await reader.series('minute', 5, clock.now())
  expect(minutes.flatMap(({ tally }) => tally.types.report?.completed ?? [])).toEqual([1, 1])
})
