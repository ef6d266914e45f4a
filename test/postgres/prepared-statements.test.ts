import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import type { ClaimQuery, Store } from '../../packages/uketsuke/src/store/port.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

const asked: ClaimQuery = { queue: 'jobs', types: ['t'], limit: 100, worker: 'w', leaseMs: 30_000 }
const create = (id: string) =>
  rules.create({ id, type: 't', owner: 'o', input: '{}', maxAttempts: 3, retainFor: 1e9 }, Date.now())

/** The number of sequential scans, and of index entries read. */
async function reads(): Promise<{ scans: number; entries: number }> {
  const of = "schemaname = 'uketsuke' AND relname IN ('accepted', 'pending', 'running', 'ended')"
  const { rows } = await server.query(
    `SELECT sum(seq_scan)::int AS scans, (SELECT sum(idx_tup_read)::int FROM pg_stat_user_indexes WHERE ${of}) AS entries
     FROM pg_stat_user_tables WHERE ${of}`,
  )
  return rows[0]
}

/** Rounds of 100 jobs, with every statement that a worker and its clients send. */
async function work(store: Store, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const jobs = Array.from({ length: 100 }, () => create(randomUUID()))
    for (const one of jobs.slice(0, 2)) await store.insert([{ job: one }])
    await store.insert(jobs.slice(2).map((job) => ({ job })))
    const claimed = await store.claim(asked)
    await store.renew(
      claimed.map(({ id, attempt }) => ({ id, attempt, worker: 'w' })),
      30_000,
    )
    const done = claimed.map((job) => change(job, rules.succeed(job, Date.now(), '{}')!, Date.now()))
    for (const one of done.slice(0, 2)) await store.replace([one])
    expect(await store.replace(done.slice(2))).not.toContain(false)
    await store.newer(claimed)
    await store.get(
      'o',
      claimed.slice(0, 2).map(({ id }) => id),
    )
    await store.list({ owner: 'o', limit: 10 })
    await store.nextDue('jobs', ['t'])
    await store.prune(10)
  }
}

test('plans prepared on an empty table suit a full one', async () => {
  const first = postgres(server.url())(systemClock)
  await first.migrate()
  await first.close()
  const { scans } = await reads()
  const store = postgres(server.url())(systemClock)
  await store.migrate()
  await work(store, 40)
  // A session reports its statistics when it ends.
  await store.close()
  const after = await reads()
  expect(after.scans).toBe(scans)
  // The statements of each job, and dead entries that a scan skips.
  expect(after.entries).toBeLessThan(40 * 100 * 10)
}, 60_000)

test('plans prepared on nearly empty tables suit them when they are full of dead rows', async () => {
  const first = postgres(server.url())(systemClock)
  await first.migrate()
  await first.insert([{ job: create('lone') }])
  await first.claim(asked)
  // From now on, the planner takes the tables of pending and running jobs for empty.
  await server.query('VACUUM ANALYZE')
  await first.close()
  // Like a backup, this keeps dead rows from being removed.
  const backup = new pg.Client(server.url())
  await backup.connect()
  try {
    await backup.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await backup.query('SELECT 1')
    const before = await reads()
    const store = postgres(server.url())(systemClock)
    await store.migrate()
    await work(store, 40)
    await store.close()
    const { entries } = await reads()
    // Half of these are of `nextDue`, which begins at the start. With one scan for each job there would be 500,000.
    expect(entries - before.entries).toBeLessThan(40 * 100 * 50)
  } finally {
    await backup.end()
  }
}, 60_000)

test('prepares a statement again after it was deallocated or its table changed', async () => {
  const store = postgres({ connectionString: server.url(), schema: 'changing', max: 2 })(systemClock)
  await store.migrate()
  await store.insert([{ job: create('a') }])
  expect(await store.get('o', ['a'])).toMatchObject([{ id: 'a' }])
  await server.query('ALTER TABLE changing.accepted ADD COLUMN later text')
  expect(await store.get('o', ['a'])).toMatchObject([{ id: 'a' }])
  expect(await store.claim(asked)).toMatchObject([{ id: 'a' }])
  await store.close()
})
