import { expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, open, tempFile } from './setup.ts'

const types = () => {
  const ran: string[] = []
  const type = (name: string) => job({ input: z.object({}), run: () => void ran.push(name) })
  return { ran, types: { a: type('a'), b: type('b') } }
}

test('a paused type is not claimed, in any process, until it is resumed', async () => {
  const file = tempFile()
  const { ran, types: both } = types()
  const { jobs, clock } = open(both, { store: sqlite(file) })
  const operator = createJobs({ jobs: {}, store: sqlite(file), clock, log: silentLog })
  atEnd(() => operator.close())
  await jobs.work()
  await operator.pause('a')
  await clock.advance(1_000)
  await jobs.enqueue('a', {})
  await jobs.enqueue('b', {})
  await until(() => ran.length > 0)
  await clock.advance(5_000)
  expect(ran).toEqual(['b'])
  expect(await jobs.paused()).toEqual(['a'])
  await operator.resume('a')
  await clock.advance(3_000)
  await until(() => ran.length > 1)
  expect(ran).toEqual(['b', 'a'])
})

test('everything is paused and resumed, except single types', async () => {
  const { ran, types: both } = types()
  const { jobs, clock } = open(both)
  await jobs.work()
  await jobs.pause()
  await jobs.pause('b')
  await clock.advance(1_000)
  await Promise.all([jobs.enqueue('a', {}), jobs.enqueue('b', {})])
  await clock.advance(5_000)
  expect([ran, await jobs.paused()]).toEqual([[], ['*', 'b']])
  await jobs.resume()
  await clock.advance(3_000)
  await until(() => ran.length > 0)
  await clock.advance(3_000)
  expect([ran, await jobs.paused()]).toEqual([['a'], ['b']])
  expect((await jobs.list({ owner: allOwners, status: 'pending' })).items).toHaveLength(1)
})

test.each([undefined, null, '', 'no type', 7])('a wrong name pauses nothing: %j', async (name) => {
  const { jobs } = open(types().types)
  await expect(jobs.pause(name as never)).rejects.toMatchObject({ code: 'unknown-job-type' })
  expect(await jobs.paused()).toEqual([])
})
