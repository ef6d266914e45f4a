/**
 * Every page and search of the dashboard over a large store. `SCALE=full`: ten million jobs in PostgreSQL, one million in SQLite, and each
 * page within 100 ms (p95). The default is a hundredth of that, and only checks that each page works.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { createJobs, type Jobs, job, type StoreFactory, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { startPostgres } from '../servers/postgres.ts'
import { insertJobs } from '../servers/whole-jobs.ts'
import { client } from './setup.ts'

const full = process.env.SCALE === 'full'
const rounds = full ? 40 : 2

/** Job `n` as SQL: nearly all have ended; every 20th is pending, every 25th failed, every 100th cancelled, some run. */
const columns =
  'id, queue, type, owner, priority, status, version, attempt, max_attempts, progress, error, created_at, run_at, started_at, completed_at, retain_for, expires_at, worker, lease_until, metadata, input, output'
const status = `CASE WHEN n % 20 = 0 THEN 'pending' WHEN n % 25 = 1 THEN 'failed' WHEN n % 100 = 2 THEN 'cancelled' WHEN n % 100000 = 3 THEN 'running' ELSE 'completed' END`
/** \`zero\` pads a number with zeros to eight digits. */
const rows = (zero: string, now: number) => `
  SELECT '01K' || ${zero} || '000000000000000', 'jobs', CASE WHEN n % 100000 = 7 THEN 'rare' ELSE 'type-' || (n % 20) END,
    'owner-' || (n % 1000), 'normal', status, 3, CASE WHEN status = 'pending' THEN 0 ELSE 1 END, 3,
    CASE WHEN status = 'completed' THEN 100 ELSE 0 END,
    CASE WHEN status = 'failed' THEN '{"code":"handler-error","message":"The job failed","retryable":true,"thrown":"Error: no"}' END,
    ${now} - n, ${now} - n, CASE WHEN status <> 'pending' THEN ${now} - n END,
    CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN ${now} END, 2592000000,
    CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN ${now} + 2592000000 END,
    CASE WHEN status <> 'pending' THEN 'worker-1' END, CASE WHEN status = 'running' THEN ${now} + 86400000 END,
    '{"tenant":"t' || (n % 50) || '"}', '{"userId":' || (n % 100000) || ',"note":"' || 'some text that makes the input a bit longer' || '"}',
    CASE WHEN status = 'completed' THEN '{"url":"https://files.example/' || n || '.pdf"}' END`

interface Subject {
  store: StoreFactory
  stop(): Promise<void>
}

async function inPostgres(count: number): Promise<Subject> {
  const server = await startPostgres(['shared_buffers = 512MB', 'max_wal_size = 8GB', 'maintenance_work_mem = 256MB'])
  const url = server.url()
  const first = postgres(url)(systemClock)
  await first.migrate()
  await first.close()
  const { default: pg } = await import('pg')
  const sql = new pg.Client(url)
  await sql.connect()
  const part = 1_000_000
  for (let from = 1; from <= count; from += part) {
    const numbers = `SELECT n, ${status} AS status FROM generate_series(${from}, ${Math.min(count, from + part - 1)}) AS n`
    const made = `(${rows("lpad(n::text, 8, '0')", Date.now())} FROM (${numbers}) AS numbers) AS made (${columns})`
    await sql.query(insertJobs(Object.fromEntries(columns.split(', ').map((name) => [name, name])), made))
  }
  await sql.query('VACUUM ANALYZE')
  await sql.end()
  return { store: postgres(url), stop: () => server.stop() }
}

async function inSqlite(count: number): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'uketsuke-scale-'))
  const file = join(folder, 'jobs.db')
  const first = sqlite(file)(systemClock)
  await first.migrate()
  await first.close()
  const db = new DatabaseSync(file)
  db.exec(`WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ${count}),
    numbers AS (SELECT n, ${status} AS status FROM counted)
    INSERT INTO jobs (${columns}) ${rows("printf('%08d', n)", Date.now())} FROM numbers`)
  db.close()
  return { store: sqlite(file), stop: async () => rmSync(folder, { recursive: true, force: true }) }
}

const paths = [
  'session',
  'overview',
  'overview?range=fortnight',
  'jobs',
  'jobs?sort=oldest',
  ...['pending', 'running', 'completed', 'failed', 'cancelled'].map((status) => `jobs?status=${status}`),
  'jobs?status=failed&sort=oldest',
  'jobs?type=type-3',
  'jobs?type=rare',
  'jobs?type=rare&status=failed',
  'jobs?type=absent',
  'jobs?owner=owner-7',
  'jobs?owner=owner-7&status=failed',
  'jobs?owner=nobody',
  'jobs?input.userId=42',
  'jobs?input.userId=none',
  'jobs?input.userId=42&status=failed',
  'jobs?metadata.tenant=t7&type=type-3',
  'jobs?id=01K00000007000000000000000',
  'jobs?from=2020-01-01&to=2030-01-01',
  'jobs?cursor=01K00000500000000000000000',
  'jobs?cursor=01K00000500000000000000000&type=rare',
  'jobs/01K00000007000000000000000',
  'types',
  'workers',
  'webhooks',
  'errors',
  'suggestions',
  'audit',
]

describe.each([
  ['PostgreSQL', inPostgres, full ? 10_000_000 : 100_000],
  ['SQLite', inSqlite, full ? 1_000_000 : 10_000],
] as const)('%s', (_, seeded, count) => {
  let subject: Subject
  let jobs: Jobs
  let get: ReturnType<typeof client>['get']
  beforeAll(async () => {
    const began = performance.now()
    subject = await seeded(count)
    console.info(`${count} jobs in ${Math.round((performance.now() - began) / 1_000)} s`)
    const report = job({ input: z.object({}), run: () => 1 })
    jobs = createJobs({ jobs: { report }, store: subject.store, log: silentLog, authenticate: () => null })
    await jobs.ready()
    get = client(jobs.dashboard({ authorize: () => true })).get
  }, 1_800_000)
  afterAll(async () => {
    await jobs?.close()
    await subject?.stop()
  }, 60_000)

  it.each(paths)('%s', async (path) => {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const began = performance.now()
      const { status } = await get(path)
      times.push(performance.now() - began)
      expect(status).toBe(200)
    }
    times.sort((a, b) => a - b)
    const p95 = times[Math.floor(times.length * 0.95)] ?? Number.POSITIVE_INFINITY
    if (!full) return
    console.info(`${path}: p50 ${times[times.length >> 1]?.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`)
    expect(p95).toBeLessThan(100)
  })
})
