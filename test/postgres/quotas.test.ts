import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { sharesRequestQuota, sharesWaitingQuota } from '../http/quota-checks.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { insertJobs } from '../servers/whole-jobs.ts'

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
  const one = {
    id: "'x' || n",
    queue: "'jobs'",
    type: "'report'",
    owner: "'bob'",
    priority: "'normal'",
    status: "'pending'",
  }
  const rest = {
    version: '1',
    attempt: '0',
    max_attempts: '1',
    progress: '0',
    created_at: 'n',
    run_at: 'n',
    retain_for: '1',
  }
  await server.query(insertJobs({ ...one, ...rest, input: "'{}'" }, 'generate_series(1, 20000) AS n'), url)
  await server.query('ANALYZE uketsuke.pending', url)
  const plan = await server.query(
    "EXPLAIN SELECT FROM uketsuke.pending WHERE owner = 'ann' AND queue = 'jobs' LIMIT 100",
    url,
  )
  expect(JSON.stringify(plan.rows)).toContain('pending_owned')
})
