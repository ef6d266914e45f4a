import { expect, test } from 'vitest'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { followsTheModel } from '../jobs/flow-model.ts'
import { atEnd } from '../jobs/setup.ts'
import { startPostgres } from '../servers/postgres.ts'

test('on PostgreSQL, handlers run exactly as limits, uniqueness, pauses and schedules say', async () => {
  const server = await startPostgres()
  atEnd(() => server.stop())
  await followsTheModel(async () => postgres(await server.create()), { runs: 8, withTime: false })
  expect.hasAssertions()
})
