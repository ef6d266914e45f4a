import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import type { ClaimQuery } from '../../packages/uketsuke/src/store/port.ts'
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

test('plans prepared on an empty table suit a full one', async () => {
  const first = postgres(server.url())(systemClock)
  await first.migrate()
  await first.close()
  const { scans } = await reads()
  const store = postgres(server.url())(systemClock)
  await store.migrate()
  const rounds = 40
  for (let round = 0; round < rounds; round++) {
    const jobs = Array.from({ length: 100 }, (_, i) => create(`${round}-${i}`))
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
    await store.get('o', ['0-1', '0-2'])
    await store.list({ owner: 'o', limit: 10 })
    await store.nextDue('jobs', ['t'])
    await store.prune(10)
  }
  // A session reports its statistics when it ends.
  await store.close()
  const after = await reads()
  expect(after.scans).toBe(scans)
  // The statements of each job, and dead entries that a scan skips.
  expect(after.entries).toBeLessThan(rounds * 100 * 10)
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
