import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { postgresRawTables } from '../../packages/uketsuke/src/store/postgres/raw-tables.ts'
import type { Row } from '../../packages/uketsuke/src/store/raw-tables.ts'
import { pages } from '../../packages/uketsuke/src/store-migration/pages.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

const job = (id: string) =>
  rules.create({ id, type: 't', owner: 'o', input: '{}', maxAttempts: 3, retainFor: 1e9 }, Date.now())

test('a migration looks up the state of each job once, even with statistics of a nearly empty table', async () => {
  const url = server.url()
  const store = postgres(url)(systemClock)
  await store.migrate()
  await store.insert([{ job: job('0') }])
  await server.query('VACUUM ANALYZE', url)
  const count = 5_000
  await store.insert(Array.from({ length: count }, (_, i) => ({ job: job(String(i + 1).padStart(8, '0')) })))
  await store.close()

  const lookups = async () => {
    const scans = "SELECT (seq_scan + idx_scan)::int AS n FROM pg_stat_user_tables WHERE relname = 'ended'"
    return (await server.query(scans, url)).rows[0].n as number
  }
  const before = await lookups()
  const raw = await postgresRawTables(url)({ create: false })
  let read = 0
  for await (const page of pages(raw, 'jobs', null as Row | null)) read += page.length
  await raw.close()
  expect(read).toBe(count + 1)
  // A session reports its statistics when it ends.
  await expect.poll(lookups).toBeGreaterThanOrEqual(before + read)
  expect(await lookups()).toBeLessThan(before + 2 * read)
})
