import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import type { Job } from '../../packages/uketsuke/src/domain/job.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import { allOwners } from '../../packages/uketsuke/src/store/port.ts'
import { earlierLocksOf } from '../../packages/uketsuke/src/store/postgres/exclusive-lock.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { jobs } from '../../packages/uketsuke/src/store/postgres/migrations/001-jobs.ts'
import { dueByType } from '../../packages/uketsuke/src/store/postgres/migrations/002-due-by-type.ts'
import { records } from '../../packages/uketsuke/src/store/postgres/migrations/003-records.ts'
import { trace } from '../../packages/uketsuke/src/store/postgres/migrations/004-trace.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

const columnsWith = (
  due: string,
) => `id, queue, type, owner, priority, status, version, attempt, max_attempts, progress, progress_message, error, last_error, webhook_url,
  retry_of, parent, created_at, run_at, started_at, completed_at, cancel_requested_at, retain_for, expires_at, worker, lease_until, ${due}, metadata,
  trace, input, output`
const failed = `'{"code":"x","message":"y","retryable":true}'`

/** The schema of version 4, with a job in each state. */
async function earlier(name: string): Promise<string> {
  const url = await server.create(name)
  await server.query(
    `CREATE SCHEMA uketsuke; ${jobs} ${dueByType} ${records} ${trace}
     CREATE TABLE uketsuke.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL);
     INSERT INTO uketsuke.migrations SELECT n, now() FROM generate_series(1, 4) AS n;
     INSERT INTO uketsuke.jobs (${columnsWith('due_at')}) VALUES
       ('fresh', 'jobs', 't', 'o', 'high', 'pending', 1, 0, 3, 0, NULL, NULL, NULL, 'https://example.com/', NULL, NULL, 1, 2, NULL, NULL, NULL, 9, NULL,
        NULL, NULL, 2, '{"a":1}', '{"traceparent":"00"}', '{"n":1}', NULL),
       ('again', 'jobs', 't', 'o', 'normal', 'pending', 3, 1, 3, 40, 'half', NULL, ${failed}, NULL, 'other', NULL, 1, 5, 2, NULL, NULL, 9, NULL,
        NULL, NULL, 5, NULL, NULL, '{"n":2}', NULL),
       ('runs', 'jobs', 't', 'o', 'normal', 'running', 5, 2, 3, 10, 'so far', NULL, ${failed}, NULL, NULL, NULL, 1, 2, 3, NULL, 4, 9, NULL,
        'w', 9007199254740000, NULL, NULL, NULL, '{"n":3}', NULL),
       ('failed', 'jobs', 't', 'o', 'normal', 'failed', 6, 3, 3, 10, NULL, ${failed}, ${failed}, NULL, NULL, NULL, 1, 2, 3, 8, NULL, 9, 17,
        'w', NULL, NULL, NULL, NULL, '{"n":4}', NULL),
       ('done', 'jobs', 't', 'o', 'normal', 'completed', 3, 1, 3, 100, 'all', NULL, NULL, NULL, NULL, NULL, 1, 2, 3, 8, NULL, 9, 9007199254740000,
        'w', NULL, NULL, NULL, NULL, '{"n":5}', '7'),
       ('done-webhook', 'deliveries', 'uketsuke.webhook', 'o', 'normal', 'pending', 1, 0, 10, 0, NULL, NULL, NULL, NULL, NULL, 'done', 8, 8, NULL, NULL,
        NULL, 9, NULL, NULL, NULL, 8, NULL, NULL, '{"url":"https://example.com/"}', NULL)`,
    url,
  )
  return url
}

test('a schema of whole jobs is migrated with every job, which then goes on', async () => {
  const url = await earlier('whole')
  const before = (await server.query(`SELECT ${columnsWith('due_at')} FROM uketsuke.jobs ORDER BY id`, url)).rows
  const store = postgres(url)(systemClock)
  await store.migrate()
  expect(
    (await server.query(`SELECT ${columnsWith('rank / 1000 AS due_at')} FROM uketsuke.jobs ORDER BY id`, url)).rows,
  ).toEqual(before)
  expect(await store.stats()).toMatchObject({
    jobs: { pending: 2, running: 1, completed: 1, failed: 1 },
    deliveries: { pending: 1 },
  })

  const move = async (id: string, rule: (job: Job, now: number) => Job | null) => {
    const [job] = await store.get(allOwners, [id])
    // Long ago, so that its retention of 9 ms is over before `prune`, however fast that comes.
    return store.replace([change(job!, rule(job!, 20)!, 20)])
  }
  expect(await move('again', rules.cancel)).toEqual([true])
  expect(await move('runs', (job, now) => rules.succeed(job, now, '1'))).toEqual([true])
  const claimed = await store.claim({ queue: 'jobs', types: ['t'], limit: 9, worker: 'v', leaseMs: 1_000 })
  expect(claimed).toMatchObject([{ id: 'fresh', version: 2, attempt: 1, input: '{"n":1}', metadata: '{"a":1}' }])
  expect(await store.deliveries('o', 'done')).toMatchObject([{ id: 'done-webhook', status: 'pending' }])
  expect(await store.prune(10)).toBe(3)
  expect(await store.get('o', ['failed', 'done'])).toMatchObject([null, { output: '7' }])
  await store.close()
})

test.each([0, 1])('the migration is refused while processes with an earlier layout (%i) work', async (layout) => {
  const url = await earlier(`busy${layout}`)
  const lock = `SELECT pg_advisory_lock_shared(${earlierLocksOf('uketsuke')[layout]}); SELECT pg_sleep(600)`
  const holder = server.query(lock, url).catch(() => {})
  const locks = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted"
  await expect.poll(async () => (await server.query(locks, url)).rows.length).toBeGreaterThan(0)
  const store = postgres(url)(systemClock)
  await expect(store.migrate()).rejects.toMatchObject({
    code: 'store-unusable',
    message: expect.stringMatching(
      /Processes with an earlier version of uketsuke are using the schema "uketsuke".*: stop all of them/,
    ),
  })
  expect((await server.query('SELECT max(version) AS v FROM uketsuke.migrations', url)).rows).toEqual([{ v: 4 }])
  await server.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
    url,
  )
  await holder
  await expect
    .poll(() =>
      store.migrate().then(
        () => 'open',
        () => 'refused',
      ),
    )
    .toBe('open')
  await store.close()
})
