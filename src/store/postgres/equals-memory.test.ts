import { afterAll, beforeAll, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../test/servers/postgres.ts'
import { equalsMemory } from '../../../test/store/equals-memory.ts'
import { systemClock } from '../../clock.ts'
import { postgres } from './index.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
  const store = postgres(server.url())(systemClock)
  await store.migrate()
  await store.close()
}, 60_000)
afterAll(() => server.stop())

test('does what the reference store does, whatever is asked of it', async () => {
  await equalsMemory(async (clock) => {
    await server.query('TRUNCATE uketsuke.jobs, uketsuke.attempts, uketsuke.idempotency_keys')
    return postgres(server.url())(clock)
  }, 40)
}, 120_000)
