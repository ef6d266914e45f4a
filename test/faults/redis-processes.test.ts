import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  accepted,
  endAll,
  figures,
  finally_,
  folder,
  Program,
  quantile,
  type Seen,
  seeded,
  status,
  stream,
} from '../crash/support.ts'
import { RedisServer } from '../servers/redis.ts'
import { until } from '../until.ts'

afterEach(endAll)

async function place() {
  const redis = await RedisServer.start()
  finally_(() => redis.stop())
  const file = join(folder(), 'jobs.db')
  const start = (role: Omit<Parameters<typeof Program.start>[0], 'file'>) =>
    Program.start({ file, redisUrl: redis.url, ...role })
  return { redis, start }
}

/** Waits until the processes are connected. Polling the store every 20 ms would be as fast on average and hide a missing message. */
const connected = (...programs: Program[]) =>
  until(() => programs.every(({ output }) => output.includes('Redis is connected')), 'all are connected')

const lengths = (redis: RedisServer) =>
  Promise.all(['high', 'normal'].map((priority) => redis.command('XLEN', `uketsuke:jobs:${priority}`)))

test('starts a job that another process accepted', async () => {
  const { redis, start } = await place()
  const [api, worker] = await Promise.all([start({ api: true }), start({ work: { concurrency: 10 } })])
  await connected(api, worker)
  const [sinceAsked, sinceAnswered]: [number[], number[]] = [[], []]
  for (let n = 0; n < 200; n++) {
    const key = `prompt-${n}`
    const asked = Date.now()
    await accepted(api.url ?? '', 'steps', { key, steps: 0, stepMs: 0 })
    const answered = Date.now()
    const { at } = await worker.reported('start', key)
    sinceAsked.push(at - asked)
    sinceAnswered.push(Math.max(0, at - answered))
  }
  console.log(figures('Redis, from the request to the start in the worker', sinceAsked))
  console.log(figures('Redis, from the 202 to the start in the worker', sinceAnswered))
  expect(quantile(sinceAnswered, 0.5)).toBeLessThan(100)
  await until(async () => (await lengths(redis)).every((length) => length === 0), 'the streams are empty')
})

test('an event stream follows progress made in another process', async () => {
  const { start } = await place()
  const [api, worker] = await Promise.all([start({ api: true }), start({ work: { concurrency: 10 } })])
  await connected(api, worker)
  const follow = async () => {
    const { jobId } = await accepted(api.url ?? '', 'clock', { times: 14, everyMs: 150 })
    const late: number[] = []
    let last: Seen | undefined
    for await (const { at, data } of stream(api.url ?? '', jobId)) {
      if (data?.type === 'job.progress' && data.data.progressMessage) late.push(at - Number(data.data.progressMessage))
      last = data?.data ?? last
    }
    expect(last?.status).toBe('completed')
    return late
  }
  const late = (await Promise.all(Array.from({ length: 8 }, follow))).flat()
  console.log(figures('Redis, SSE, from progress() in the worker to the reader of the API', late))
  expect(late.length).toBeGreaterThanOrEqual(50)
  expect(quantile(late, 0.5)).toBeLessThan(50)
})

test('ends every job and leaves nothing in Redis while workers and Redis are killed at random', async () => {
  const { redis, start } = await place()
  const random = seeded(3)
  const api = await start({ api: true })
  const workers = [await start({ work: { concurrency: 4 } }), await start({ work: { concurrency: 4 } })]
  const ids: string[] = []
  for (let round = 0; round < 8; round++) {
    for (let n = 0; n < 10; n++) {
      const { jobId } = await accepted(api.url ?? '', 'steps', { key: `${round}-${n}`, steps: 2, stepMs: 20 })
      ids.push(jobId)
    }
    const harm = [
      async () => {
        const victim = Math.floor(random() * workers.length)
        await workers[victim]?.kill()
        workers[victim] = await start({ work: { concurrency: 4 } })
      },
      async () => {
        await redis.kill()
        await redis.start()
      },
      () => redis.command('FLUSHALL'),
      () => redis.command('DEL', 'uketsuke:jobs:normal'),
    ][round % 4]
    await harm?.()
  }
  const ended = await until(
    async () => {
      const all = await Promise.all(ids.map((id) => status(api.url ?? '', id)))
      return all.every(({ completedAt }) => completedAt !== null) ? all : null
    },
    'every job has ended',
    { ms: 60_000 },
  )
  expect(ended.map(({ status }) => status)).toEqual(ids.map(() => 'completed'))
  // Other workers take over the entries of a killed worker after ten seconds.
  await until(async () => (await lengths(redis)).every((length) => length === 0), 'the streams are empty', {
    ms: 40_000,
  })
})
