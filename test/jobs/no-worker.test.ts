import { expect, it } from 'vitest'
import { z } from 'zod'
import { createJobs, job, type Log, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const input = z.object({})
const quick = job({ input, run: () => 1 })

function noting() {
  const lines: { type?: string; waitedMs?: number; message: string }[] = []
  const log: Log = {
    ...silentLog,
    warn: (fields, message) => void lines.push({ ...fields, message }),
    child: () => log,
  }
  return { log, unworked: () => lines.filter(({ message }) => message.includes('no worker seems to run')) }
}

it.each([
  ['SQLite', () => sqlite(tempFile())],
  ['memory', memory],
])('a process without a worker warns once a minute about each waiting job type, on %s', async (_, store) => {
  const { log, unworked } = noting()
  const { jobs, clock } = open({ quick, other: quick, later: quick }, { log, store: store() })
  await jobs.enqueue('quick', {})
  await jobs.enqueue('quick', {})
  await jobs.enqueue('other', {}, { priority: 'high' })
  await jobs.enqueue('later', {}, { delay: 20 * 60_000 })
  await clock.advance(59_000)
  expect(unworked()).toEqual([])
  await clock.advance(2_000)
  expect(
    unworked()
      .map(({ type }) => type)
      .toSorted(),
  ).toEqual(['other', 'quick'])
  expect(unworked()[0]).toMatchObject({ waitedMs: 60_000, message: expect.stringContaining('60 s') })
  await clock.advance(3 * 60_000)
  expect(unworked()).toHaveLength(8)
  // After a worker starts, there are no more warnings.
  await jobs.work()
  await clock.advance(5 * 60_000)
  expect(unworked()).toHaveLength(8)
})

it('a worker warns about types that it does not have, not about types that wait for capacity', async () => {
  const file = tempFile()
  const clock = manualClock()
  const { log, unworked } = noting()
  const end = gate()
  const slow = job({ input, run: () => end.passed })
  const process = (types: Record<string, typeof quick>) => {
    const jobs = createJobs({ jobs: types, store: sqlite(file), clock, log })
    atEnd(() => jobs.close())
    return jobs
  }
  const api = process({ removed: quick, slow: quick })
  await api.enqueue('removed', {})
  await api.enqueue('slow', {})
  await api.enqueue('slow', {})
  await api.close()
  const worker = process({ slow: slow as unknown as typeof quick })
  await worker.work({ concurrency: 1 })
  await clock.advance(61_000)
  expect(unworked().map(({ type }) => type)).toEqual(['removed'])
  end.open()
  await clock.advance(0)
})
