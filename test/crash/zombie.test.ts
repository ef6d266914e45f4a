import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { silentLog } from '../../packages/uketsuke/src/base/log.ts'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { until } from '../until.ts'
import { accepted, endAll, finally_, folder, Program, status } from './support.ts'

afterEach(endAll)

/** Opens the store directly, independent of all processes. */
async function openStore(file: string) {
  const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
  await jobs.ready()
  finally_(() => jobs.close())
  return jobs
}

test('a worker suspended beyond its lease writes nothing when it continues', async () => {
  const file = join(folder(), 'jobs.db')
  // Longer than a pause of a busy machine: the successor must not lose its own leases.
  const lease = 3_000
  const api = await Program.start({ file, api: true })
  const url = api.url ?? ''
  const store = await openStore(file)

  const zombie = await Program.start({ file, lease, work: { concurrency: 2 } })
  // One job ends before the zombie resumes, and one is still running then.
  const [over, going] = [
    await accepted(url, 'held', { key: 'over', obeys: false }),
    await accepted(url, 'held', { key: 'going' }),
  ]
  await zombie.reported('start', 'over')
  await zombie.reported('start', 'going')
  await until(async () => (await status(url, over.jobId)).progress >= 3, 'the first attempt makes progress')
  await zombie.freeze(file)

  const successor = await Program.start({ file, lease, work: { concurrency: 2 } })
  expect((await successor.reported('start', 'over')).attempt).toBe(2)
  expect((await successor.reported('start', 'going')).attempt).toBe(2)
  successor.finish('over')
  const ended = await until(async () => {
    const seen = await status(url, over.jobId)
    return seen.completedAt !== null && seen
  }, 'attempt 2 completes')
  expect(ended).toMatchObject({ status: 'completed', attempt: 2, output: { by: successor.pid, attempt: 2 } })
  const attempts = await store.attempts(over.jobId, { owner: allOwners })
  expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'lease-lost'],
    [2, 'completed'],
  ])

  // The zombie resumes with two writes to make: a progress of 99 and an output.
  zombie.finish('over')
  zombie.continue()
  for (const key of ['over', 'going']) expect((await zombie.reported('abort', key)).reason).toMatch(/lease expired/)
  await zombie.reported('return', 'over')
  // After it has exited it cannot write any more.
  zombie.terminate()
  expect(await zombie.ended()).toBe(0)

  expect(await status(url, over.jobId)).toEqual(ended)
  expect(await store.attempts(over.jobId, { owner: allOwners })).toEqual(attempts)
  const running = await status(url, going.jobId)
  expect(running).toMatchObject({ status: 'running', attempt: 2 })
  expect(running.progressMessage).toMatch(`${successor.pid} says`)
  successor.finish('going')
  await until(async () => (await status(url, going.jobId)).completedAt, 'the other job completes')
  expect(await status(url, going.jobId)).toMatchObject({ attempt: 2, output: { by: successor.pid, attempt: 2 } })
  expect(successor.find('abort')).toBeUndefined()
})

test('the store rejects the write of a worker that does not know yet that its lease is lost', async () => {
  const here = folder()
  const file = join(here, 'jobs.db')
  const flag = join(here, 'flag')
  const api = await Program.start({ file, api: true })
  const url = api.url ?? ''
  const zombie = await Program.start({ file, work: { concurrency: 1 } })
  const { jobId } = await accepted(url, 'blocking', { key: 'blocked', file: flag })
  await zombie.reported('start', 'blocked')
  await zombie.freeze(file)
  const successor = await Program.start({ file, work: { concurrency: 1 } })
  await until(async () => (await status(url, jobId)).completedAt, 'attempt 2 completes')
  const ended = await status(url, jobId)
  expect(ended).toMatchObject({ status: 'completed', attempt: 2, output: { by: successor.pid, attempt: 2 } })
  const store = await openStore(file)
  const attempts = await store.attempts(jobId, { owner: allOwners })

  writeFileSync(flag, '')
  zombie.continue()
  await zombie.reported('return', 'blocked')
  zombie.terminate()
  expect(await zombie.ended()).toBe(0)
  expect(await status(url, jobId)).toEqual(ended)
  expect(await store.attempts(jobId, { owner: allOwners })).toEqual(attempts)
})

test('a worker suspended beyond its lease continues if no other worker took the job', async () => {
  const file = join(folder(), 'jobs.db')
  const api = await Program.start({ file, api: true })
  const url = api.url ?? ''
  const worker = await Program.start({ file, work: { concurrency: 1 } })
  const { jobId } = await accepted(url, 'held', { key: 'mine' })
  await worker.reported('start', 'mine')
  await worker.freeze(file)
  const store = sqlite(file)(systemClock)
  await store.migrate()
  finally_(() => store.close())
  await until(async () => (await store.expiredLeases(1)).length > 0, 'the lease runs out')
  const { progress } = await status(url, jobId)
  worker.continue()
  await until(async () => (await status(url, jobId)).progress >= progress + 5 || worker.find('abort'), 'it goes on')
  worker.finish('mine')
  await until(async () => (await status(url, jobId)).completedAt, 'the job ends')
  expect(await status(url, jobId)).toMatchObject({ status: 'completed', attempt: 1, output: { by: worker.pid } })
  expect(worker.find('abort')).toBeUndefined()
})
