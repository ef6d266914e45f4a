import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { job } from '../../packages/uketsuke/src/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { until } from '../until.ts'
import { open } from './open.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

test('three systems run two thousand jobs of twenty keys, never more of a key at a time than its limit', async () => {
  const url = await server.create()
  const running = new Map<string, number>()
  const most = new Map<string, number>()
  const types = {
    one: job({
      input: z.object({ key: z.string() }),
      concurrency: { limit: 3, key: ({ input }) => input.key },
      maxAttempts: 2,
      backoff: { base: 0 },
      run: async ({ input: { key }, attempt }) => {
        running.set(key, (running.get(key) ?? 0) + 1)
        most.set(key, Math.max(most.get(key) ?? 0, running.get(key) ?? 0))
        await new Promise((resolve) => setTimeout(resolve, 2))
        running.set(key, (running.get(key) ?? 0) - 1)
        if (attempt === 1 && Math.random() < 0.2) throw new Error('It broke.')
      },
    }),
  }
  const systems = [open(types, url), open(types, url), open(types, url)]
  await Promise.all(systems.map((jobs) => jobs.work({ concurrency: 30 })))
  for (let round = 0; round < 10; round++) {
    const asked = Array.from({ length: 200 }, (_, n) => systems[n % 3]!.enqueue('one', { key: String(n % 20) }))
    await Promise.all(asked)
  }
  await until(async () => (await systems[0]!.stats()).jobs.completed === 2_000)
  expect([...most.values()].every((count) => count <= 3)).toBe(true)
  expect([...most.values()].filter((count) => count === 3).length).toBeGreaterThan(10)
  const left = await until(async () => {
    const { rows } = await server.query('SELECT count(*)::int AS n FROM uketsuke.limit_marks', url)
    return rows[0].n === 0 && rows
  })
  expect(left).toEqual([{ n: 0 }])
})

test('three systems start no more jobs within any period than the rate', async () => {
  const url = await server.create()
  const starts: number[] = []
  const types = {
    one: job({ input: z.object({}), rateLimit: { limit: 20, per: 300 }, run: () => void starts.push(Date.now()) }),
  }
  const systems = [open(types, url), open(types, url), open(types, url)]
  await Promise.all(systems.map((jobs) => jobs.work({ concurrency: 30 })))
  await Promise.all(Array.from({ length: 100 }, (_, n) => systems[n % 3]!.enqueue('one', {})))
  await until(() => starts.length === 100)
  const { rows } = await server.query('SELECT started_at::float8 AS at FROM uketsuke.jobs ORDER BY started_at', url)
  const times = rows.map(({ at }: { at: number }) => at)
  for (const [i, at] of times.entries()) if (i >= 20) expect(at - times[i - 20]!).toBeGreaterThanOrEqual(300)
})

test("a job that is enqueued in the caller's transaction is admitted once it commits", async () => {
  const url = await server.create()
  let ran = 0
  const jobs = open({ one: job({ input: z.object({}), concurrency: { limit: 1 }, run: () => void ran++ }) }, url)
  await jobs.work()
  const client = new pg.Client(url)
  await client.connect()
  atEnd(() => client.end())
  await client.query('BEGIN')
  await jobs.enqueue('one', {}, { tx: client })
  await client.query('COMMIT')
  await until(() => ran === 1)
})
