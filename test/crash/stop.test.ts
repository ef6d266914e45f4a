import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { silentLog } from '../../packages/uketsuke/src/base/log.ts'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { until } from '../until.ts'
import { accepted, type Block, endAll, finally_, folder, Program, post, status, stream } from './support.ts'

afterEach(endAll)

test('SIGTERM: a worker stops claiming, finishes running jobs, and exits with 0', async () => {
  const file = join(folder(), 'jobs.db')
  const api = await Program.start({ file, api: true })
  const url = api.url ?? ''
  const worker = await Program.start({ file, work: { concurrency: 5 } })
  const running = await accepted(url, 'held', { key: 'running' })
  await worker.reported('start', 'running')
  worker.terminate()
  await worker.reported('stopping')
  const late = await accepted(url, 'steps', { key: 'late', steps: 0, stepMs: 0 })
  // It continues to report progress for longer than the interval at which the store is polled.
  const { progress } = await status(url, running.jobId)
  await until(async () => (await status(url, running.jobId)).progress >= progress + 25, 'it goes on')
  expect(worker.find('abort')).toBeUndefined()
  worker.finish('running')
  expect(await worker.ended()).toBe(0)
  expect(worker.find('start', 'late')).toBeUndefined()
  expect(await status(url, running.jobId)).toMatchObject({
    status: 'completed',
    attempt: 1,
    output: { by: worker.pid },
  })
  expect(await status(url, late.jobId)).toMatchObject({ status: 'pending', attempt: 0 })
})

test('SIGTERM: a job that does not finish in time is released at once and costs no attempt', async () => {
  const file = join(folder(), 'jobs.db')
  const api = await Program.start({ file, api: true })
  const url = api.url ?? ''
  // The lease is so long that the job can only return by a release.
  const lease = 60_000
  const outgoing = await Program.start({ file, lease, work: { concurrency: 2, drain: 300 } })
  const [tidy, deaf] = [
    await accepted(url, 'held', { key: 'tidy' }),
    await accepted(url, 'held', { key: 'deaf', obeys: false }),
  ]
  await Promise.all([outgoing.reported('start', 'tidy'), outgoing.reported('start', 'deaf')])
  const successor = await Program.start({ file, lease, work: { concurrency: 2 } })
  outgoing.terminate()
  for (const key of ['tidy', 'deaf']) {
    expect(await outgoing.reported('abort', key)).toMatchObject({
      attempt: 1,
      reason: expect.stringMatching(/shutting down/),
    })
    expect((await successor.reported('start', key)).attempt).toBe(1)
    successor.finish(key)
  }
  expect(await outgoing.ended()).toBe(0)

  const jobs = createJobs({ jobs: {}, store: sqlite(file), log: silentLog })
  finally_(() => jobs.close())
  for (const { jobId } of [tidy, deaf]) {
    await until(async () => (await status(url, jobId)).completedAt, 'the other worker completes it')
    expect(await status(url, jobId)).toMatchObject({ status: 'completed', attempt: 1, output: { by: successor.pid } })
    expect(
      (await jobs.attempts(jobId, { owner: allOwners })).map(({ attempt, outcome }) => [attempt, outcome]),
    ).toEqual([
      [1, 'released'],
      [1, 'completed'],
    ])
  }
})

test('SIGTERM: an API ends its streams with a jittered retry and rejects new jobs; the streams continue elsewhere', async () => {
  const file = join(folder(), 'jobs.db')
  const [outgoing, other] = await Promise.all([Program.start({ file, api: true }), Program.start({ file, api: true })])
  const worker = await Program.start({ file, work: { concurrency: 10 } })
  const { jobId } = await accepted(outgoing.url ?? '', 'held', { key: 'watched' })
  await worker.reported('start', 'watched')

  const readers = Array.from({ length: 5 }, () => {
    const blocks: Block[] = []
    const done = (async () => {
      for await (const block of stream(outgoing.url ?? '', jobId)) blocks.push(block)
    })()
    return { blocks, done }
  })
  await until(() => readers.every(({ blocks }) => blocks.length >= 4), 'each reader follows')
  outgoing.terminate()
  await Promise.all(readers.map(({ done }) => done))
  expect(await outgoing.ended()).toBe(0)
  await expect(post(outgoing.url ?? '', 'steps', {})).rejects.toThrow()

  const retries = readers.map(({ blocks }) => blocks.at(-1)?.retry ?? 0)
  for (const retry of retries) expect(retry >= 1_000 && retry <= 5_000).toBe(true)
  expect(new Set(retries).size).toBeGreaterThan(1)

  const lastSeen = readers[0]?.blocks.findLast(({ id }) => id !== undefined)?.id ?? 0
  const ids: number[] = []
  let end: Block | null = null
  for await (const block of stream(other.url ?? '', jobId, lastSeen)) {
    if (block.id === undefined) continue
    ids.push(block.id)
    if (ids.length === 3) worker.finish('watched')
    end = block
  }
  expect(Math.min(...ids)).toBeGreaterThan(lastSeen)
  expect(end?.data).toMatchObject({ type: 'job.completed', data: { attempt: 1, output: { by: worker.pid } } })
})
