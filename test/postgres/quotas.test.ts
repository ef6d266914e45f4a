import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { sharesRequestQuota, sharesWaitingQuota } from '../http/quota-checks.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

it('quotas.requests is shared by all processes on a store', async () => {
  const url = await server.create()
  await sharesRequestQuota(() => postgres(url))
})

it('quotas.waitingJobs is shared by all processes on a store', async () => {
  const url = await server.create()
  await sharesWaitingQuota(() => postgres(url))
})

it('quotas.waitingJobs counts in an index, beside many jobs of other owners and finished ones', async () => {
  const url = await server.create()
  await sharesWaitingQuota(() => postgres(url))
  const columns =
    'queue, type, priority, status, version, attempt, max_attempts, progress, created_at, run_at, retain_for, due_at, input'
  await server.query(
    `INSERT INTO uketsuke.jobs (id, owner, ${columns}) SELECT 'x' || n, 'bob', ${columns}
     FROM (SELECT * FROM uketsuke.jobs WHERE due_at IS NOT NULL LIMIT 1) AS one, generate_series(1, 20000) AS n`,
    url,
  )
  await server.query('ANALYZE uketsuke.jobs', url)
  const plan = await server.query(
    "EXPLAIN SELECT FROM uketsuke.jobs WHERE owner = 'ann' AND queue = 'jobs' AND due_at IS NOT NULL LIMIT 100",
    url,
  )
  expect(JSON.stringify(plan.rows)).toContain('jobs_waiting')
})
