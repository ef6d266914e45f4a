import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { batched } from '../../packages/uketsuke/src/store/batch-queue.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { postgresRawTables } from '../../packages/uketsuke/src/store/postgres/raw-tables.ts'
import { storeSuite } from '../../packages/uketsuke/src/testing/store-suite.ts'
import { startPgBouncer } from '../servers/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
let bouncer: Awaited<ReturnType<typeof startPgBouncer>>
beforeAll(async () => {
  server = await startPostgres()
  bouncer = await startPgBouncer(server)
}, 120_000)
afterAll(async () => {
  await bouncer.stop()
  await server.stop()
})

let schemas = 0
const options = (more = {}) => ({ connectionString: server.url(), schema: `s${++schemas}`, max: 4, ...more })

describe('postgres', () => {
  storeSuite({
    test,
    open: async (clock) => postgres(options())(clock),
    openTwice: async (clock) => {
      const where = options()
      return [postgres(where)(clock), postgres(where)(clock)]
    },
    openPersistent: async (clock) => {
      const where = options()
      return { store: () => postgres(where)(clock), raw: postgresRawTables(where) }
    },
  })
})

describe('postgres, behind PgBouncer in transaction mode', () => {
  const pooled = () => options({ connectionString: bouncer.url })
  storeSuite({
    test,
    open: async (clock) => postgres(pooled())(clock),
    openTwice: async (clock) => {
      const where = pooled()
      return [postgres(where)(clock), postgres(where)(clock)]
    },
  })

  test('detects the pooler and names it', async () => {
    const store = postgres(pooled())(systemClock)
    await store.migrate()
    expect(store.description.durability).toContain('found by polling, without LISTEN')
    await store.close()
  })

  test('refuses a pooler in front of a server with synchronous_commit = off', async () => {
    await server.create('careless')
    await server.query('ALTER DATABASE careless SET synchronous_commit = off')
    const store = postgres({ connectionString: bouncer.url.replace('/postgres', '/careless') })(systemClock)
    await expect(store.migrate()).rejects.toMatchObject({ code: 'store-unusable' })
    await store.close()
  })
})

describe('postgres with group commit', () => {
  storeSuite({
    test,
    open: async (clock) => batched(postgres(options())(clock)),
    openTwice: async (clock) => {
      const where = options()
      return [batched(postgres(where)(clock)), batched(postgres(where)(clock))]
    },
  })
})
