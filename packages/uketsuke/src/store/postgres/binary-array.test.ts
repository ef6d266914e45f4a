import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../../../test/servers/postgres.ts'
import { binaryArray } from './binary-array.ts'
import { Parameters } from './parameters.ts'
import type { Value } from './rows.ts'

let server: PostgresServer
let client: pg.Client
beforeAll(async () => {
  server = await startPostgres()
  client = new pg.Client({ connectionString: server.url() })
  await client.connect()
}, 60_000)
afterAll(async () => {
  await client.end()
  await server.stop()
})

async function echoed(type: 'text' | 'int' | 'bigint', values: Value[]): Promise<unknown> {
  const { rows } = await client.query(`SELECT $1::${type}[] AS given`, [binaryArray(type, values)])
  return rows[0].given
}

test('the server decodes what was encoded', async () => {
  const texts = ['', 'a', null, '"{\\},', 'NULL', 'é→受付🙂', 'x'.repeat(100_000)]
  expect(await echoed('text', texts)).toEqual(texts)
  const ints = [0, null, -1, 7, 2 ** 31 - 1, -(2 ** 31)]
  expect(await echoed('int', ints)).toEqual(ints)
  const longs = [0, -1, null, 1_795_000_000_123, -1_795_000_000_123, 2 ** 32, Number.MAX_SAFE_INTEGER, -(2 ** 53) + 1]
  expect(await echoed('bigint', longs)).toEqual(longs.map((value) => (value === null ? null : String(value))))
  expect(await echoed('text', [])).toEqual([])
})

test('a value that does not fit the type is left for the server to reject', () => {
  expect(binaryArray('int', [1, 2 ** 31])).toBeNull()
  expect(binaryArray('int', [1.5])).toBeNull()
  expect(binaryArray('bigint', [2 ** 53])).toBeNull()
  expect(binaryArray('bigint', ['12'])).toBeNull()
})

test('rows keep their order, whether or not all of them have the same value in a column', async () => {
  const rows = [
    { id: 'b', n: 1, same: 5, none: null },
    { id: 'a', n: null, same: 5, none: null },
  ]
  const select = async (some: typeof rows) => {
    const parameters = new Parameters()
    const from = parameters.rows(
      'new',
      [
        ['id', 'text', (row) => row.id],
        ['n', 'int', (row) => row.n],
        ['same', 'bigint', (row) => row.same],
        ['none', 'text', (row) => row.none],
      ],
      some,
    )
    return (await client.query(`SELECT id, n, same::int, none FROM ${from}`, parameters.values)).rows
  }
  expect(await select(rows)).toEqual(rows)
  expect(await select(rows.slice(1))).toEqual(rows.slice(1))
  expect(await select([])).toEqual([])
})
