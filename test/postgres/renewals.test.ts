import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import type { Job } from '../../packages/uketsuke/src/domain/job.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import type { Store } from '../../packages/uketsuke/src/store/port.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
let store: Store
beforeAll(async () => {
  server = await startPostgres()
  store = postgres(server.url())(systemClock)
  await store.migrate()
}, 60_000)
afterAll(async () => {
  await store.close()
  await server.stop()
})

let made = 0
async function running(): Promise<Job> {
  const id = `job-${++made}`
  const job = rules.create({ id, type: id, owner: 'o', input: '{}', maxAttempts: 3, retainFor: 1e9 }, Date.now())
  await store.insert([{ job }])
  const [claimed] = await store.claim({ queue: 'jobs', types: [id], limit: 1, worker: 'w', leaseMs: 30_000 })
  return claimed!
}

/** Runs `work` while another transaction holds the row that it has changed, and commits that once `work` waits for it. */
async function during<T>(sql: string, work: () => Promise<T>): Promise<T> {
  const other = new pg.Client(server.url())
  await other.connect()
  try {
    await other.query('BEGIN')
    await other.query(sql)
    const result = work()
    const waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    await expect.poll(async () => (await server.query(waiting)).rows.length).toBeGreaterThan(0)
    await other.query('COMMIT')
    return await result
  } finally {
    await other.end()
  }
}

test('a renewal that waits for a change of its job keeps the lease', async () => {
  const job = await running()
  const progress = `UPDATE uketsuke.running SET progress = 5, version = version + 1 WHERE id = '${job.id}'`
  const renew = () => store.renew([{ id: job.id, attempt: 1, worker: 'w' }], 30_000)
  expect(await during(progress, renew)).toEqual([3])
})

test.each<[string, (job: Job) => Job | null]>([
  ['progress', (job) => rules.progress(job, 50, null)],
  ['an end', (job) => rules.succeed(job, Date.now(), '1')],
  ['a release', (job) => rules.release(job, Date.now())],
])('%s that waits for a renewal of its job is stored', async (_, rule) => {
  const job = await running()
  const renewal = `UPDATE uketsuke.running SET lease_until = lease_until + 1000 WHERE id = '${job.id}'`
  const swap = () => store.replace([change(job, rule(job)!, Date.now())])
  expect(await during(renewal, swap)).toEqual([true])
})

test('a change that waits for the end of its job is refused', async () => {
  const job = await running()
  const ended = `DELETE FROM uketsuke.running WHERE id = '${job.id}'`
  const swap = () => store.replace([change(job, rules.succeed(job, Date.now(), '1')!, Date.now())])
  expect(await during(ended, swap)).toEqual([false])
})
