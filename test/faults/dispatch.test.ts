import { afterAll, beforeAll, describe, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import type { StoreFactory } from '../../packages/uketsuke/src/store/port.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { dispatchSuite } from '../../packages/uketsuke/src/testing/dispatch-suite.ts'
import { storeTransport, type TransportFactory } from '../../packages/uketsuke/src/transport/port.ts'
import { redis } from '../../packages/uketsuke/src/transport/redis.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { server } from './redis-setup.ts'

let database: PostgresServer
beforeAll(async () => {
  database = await startPostgres()
}, 60_000)
afterAll(() => database.stop())

async function sides(openStore: StoreFactory, open: TransportFactory) {
  const side = async () => {
    const store = openStore(systemClock)
    await store.migrate()
    const relay = open({ store, clock: systemClock, log: silentLog })
    await relay.start()
    atEnd(async () => {
      await relay.close()
      await store.close()
    })
    return { store, dispatch: relay.dispatch }
  }
  return [await side(), await side()] as [Awaited<ReturnType<typeof side>>, Awaited<ReturnType<typeof side>>]
}

let schemas = 0
const fresh = (options = {}) => postgres({ connectionString: database.url(), schema: `s${++schemas}`, ...options })

describe.each([
  { over: 'SQLite', store: () => sqlite(tempFile()) },
  { over: 'PostgreSQL', store: () => fresh() },
  // As with a pooler.
  { over: 'PostgreSQL without LISTEN', store: () => fresh({ pollOnly: true }) },
])('over $over', ({ store }) => {
  dispatchSuite({ test: (name, fn) => test(`polling: ${name}`, fn), open: () => sides(store(), storeTransport) })
  dispatchSuite({
    test: (name, fn) => test(`Redis Streams: ${name}`, fn),
    open: async () => sides(store(), redis((await server()).url)),
  })
  // The same tests must pass while Redis is unreachable.
  dispatchSuite({
    test: (name, fn) => test(`Redis Streams without Redis: ${name}`, fn),
    open: () => sides(store(), redis('redis://127.0.0.1:1')),
  })
})
