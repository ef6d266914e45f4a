import { afterAll, beforeAll, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { equalsMemory } from './equals-memory.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
  const store = postgres(server.url())(systemClock)
  await store.migrate()
  await store.close()
}, 60_000)
afterAll(() => server.stop())

test('behaves like the reference store for random operations', async () => {
  await equalsMemory(async (clock) => {
    await server.query(
      'TRUNCATE uketsuke.accepted, uketsuke.pending, uketsuke.running, uketsuke.ended, uketsuke.attempts, uketsuke.idempotency_keys, uketsuke.unique_keys, uketsuke.limit_marks, uketsuke.key_states, uketsuke.fragments',
    )
    return postgres(server.url())(clock)
  }, 40)
}, 120_000)
