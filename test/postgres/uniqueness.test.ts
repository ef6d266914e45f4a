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

test('ten thousand requests through two systems that race with the end of the job: never two at a time', async () => {
  const url = await server.create()
  const running = new Map<string, number>()
  let most = 0
  const types = {
    one: job({
      input: z.object({ key: z.string() }),
      unique: { key: ({ input }) => input.key },
      run: async ({ input: { key } }) => {
        running.set(key, (running.get(key) ?? 0) + 1)
        most = Math.max(most, running.get(key) ?? 0)
        await new Promise((resolve) => setImmediate(resolve))
        running.set(key, (running.get(key) ?? 0) - 1)
      },
    }),
  }
  const systems = [open(types, url), open(types, url)]
  await Promise.all(systems.map((jobs) => jobs.work({ concurrency: 10 })))
  const created = new Set<string>()
  for (let round = 0; round < 50; round++) {
    // The keys of a batch come in another order in each process.
    const asked = Array.from({ length: 200 }, (_, n) => {
      const key = String((n % 2 === 0 ? n : 1_000 - n) % 5)
      return systems[n % 2]!.enqueue('one', { key }, n % 7 === 0 ? { idempotencyKey: `${round} ${n}` } : {})
    })
    const found = await Promise.all(asked)
    for (const { jobId, created: isNew } of found) if (isNew) created.add(jobId)
    expect(found.filter(({ jobId }) => !created.has(jobId))).toEqual([])
    expect(found.filter(({ status }) => !['pending', 'running'].includes(status))).toEqual([])
  }
  await until(async () => (await systems[0]!.stats()).jobs.completed >= created.size)
  expect(most).toBe(1)
  expect((await systems[0]!.stats()).jobs).toMatchObject({ pending: 0, running: 0, completed: created.size })
  expect(created.size).toBeGreaterThan(5)
})

const types = {
  one: job({ input: z.object({}), unique: true, run: () => {} }),
  later: job({ input: z.object({}), unique: true, debounce: { wait: 1_000, max: 2_000 }, run: () => {} }),
}

test.each(['COMMIT', 'ROLLBACK'])("in the caller's transaction, another request waits for its %s", async (end) => {
  const url = await server.create()
  const jobs = open(types, url)
  await jobs.ready()
  const client = new pg.Client(url)
  await client.connect()
  atEnd(() => client.end())
  await client.query('BEGIN')
  const first = await jobs.enqueue('one', {}, { tx: client })
  expect(first.created).toBe(true)
  expect(await jobs.enqueue('one', {}, { tx: client, idempotencyKey: 'k' })).toMatchObject({ deduplicated: true })
  const other = jobs.enqueue('one', {})
  const waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
  await until(async () => (await server.query(waiting)).rows.length > 0)
  await client.query(end)
  const found = await other
  expect([found.created, found.jobId === first.jobId]).toEqual(end === 'COMMIT' ? [false, true] : [true, false])
  await jobs.cancel(found.jobId, { owner: 'system' })
  await client.query('BEGIN')
  expect(await jobs.enqueue('one', {}, { tx: client })).toMatchObject({ created: true })
  await client.query('COMMIT')
})

test("a debounced type does not take part in the caller's transaction", async () => {
  const jobs = open(types, server.url())
  const tx = { query: () => Promise.reject(new Error('not reached')) }
  await expect(jobs.enqueue('later', {}, { tx } as never)).rejects.toMatchObject({ code: 'invalid-configuration' })
  await expect(jobs.enqueueMany('later', [{}], { tx } as never)).rejects.toMatchObject({
    code: 'invalid-configuration',
  })
})
