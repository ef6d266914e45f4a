import { afterAll, beforeAll, describe, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../test/servers/postgres.ts'
import { storeSuite } from '../../testing/store-suite.ts'
import { groupCommit } from '../group-commit.ts'
import { postgres } from './index.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

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
  })
})

describe('postgres, polled', () => {
  storeSuite({
    test,
    open: async (clock) => postgres(options({ pollOnly: true }))(clock),
    openTwice: async (clock) => {
      const where = options({ pollOnly: true })
      return [postgres(where)(clock), postgres(where)(clock)]
    },
  })
})

describe('postgres, behind group commit', () => {
  storeSuite({
    test,
    open: async (clock) => groupCommit(postgres(options())(clock)),
    openTwice: async (clock) => {
      const where = options()
      return [groupCommit(postgres(where)(clock)), groupCommit(postgres(where)(clock))]
    },
  })
})
