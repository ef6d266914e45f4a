import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { create } from '../../packages/uketsuke/src/domain/rules.ts'
import type { Store } from '../../packages/uketsuke/src/store/port.ts'
import { type PostgresOptions, postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { startPgBouncer } from '../servers/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

const open = (options: string | PostgresOptions): Store => postgres(options)(systemClock)
const failure = async (options: string | PostgresOptions) => {
  const store = open(options)
  const error = await store.migrate().catch((error: Error) => error)
  await store.close()
  return error
}

test('a wrong password, and a missing one', async () => {
  const url = server.url()
  expect(await failure(url.replace(':secret@', ':wrong@'))).toMatchObject({
    code: 'store-unusable',
    message: expect.stringMatching(
      /127\.0\.0\.1:\d+\/postgres rejected the login: .* Check the user name and the password/,
    ),
  })
  expect(await failure(url.replace(':secret@', '@'))).toMatchObject({
    code: 'store-unusable',
    message: expect.stringContaining('requires a password'),
  })
})

test('a wrong host, a closed port, a missing database', async () => {
  expect(await failure('postgres://u:p@no-such-host.invalid/db')).toMatchObject({
    code: 'store-unusable',
    message: expect.stringMatching(/host name in u@no-such-host\.invalid:5432\/db cannot be resolved/),
  })
  // The server may be starting, so this error is temporary.
  const began = performance.now()
  expect(await failure('postgres://u:p@127.0.0.1:1/db')).toMatchObject({
    code: 'temporarily-unavailable',
    message: expect.stringContaining('u@127.0.0.1:1/db is temporarily unavailable'),
    retryAfter: 1,
  })
  expect(performance.now() - began).toBeLessThan(12_000)
  expect(await failure(server.url('nowhere'))).toMatchObject({
    code: 'store-unusable',
    message: expect.stringContaining('does not exist'),
  })
})

test('rejects an invalid connection string before connecting', () => {
  for (const options of ['jobs.db', 'postgres://u:p#w@host:port/db', { schema: 'Bad"name' }, { max: 1 }]) {
    expect(() => postgres(options)).toThrowError(expect.objectContaining({ code: 'invalid-configuration' }))
  }
})

test('no privilege to create the schema, or to write to it; sufficient privileges without CREATE', async () => {
  await server.query("CREATE ROLE clerk LOGIN PASSWORD 'secret'")
  const url = await server.create('guarded')
  const clerk = url.replace('super:', 'clerk:')
  expect(await failure(clerk)).toMatchObject({
    code: 'store-unusable',
    message: expect.stringMatching(
      /lacks a privilege: permission denied for database guarded\. .*CREATE SCHEMA "uketsuke"/,
    ),
  })
  const owner = open(url)
  await owner.migrate()
  await owner.close()
  expect(await failure(clerk)).toMatchObject({ code: 'store-unusable' })
  await server.query(
    'GRANT USAGE ON SCHEMA uketsuke TO clerk; GRANT SELECT ON ALL TABLES IN SCHEMA uketsuke TO clerk',
    url,
  )
  expect(await failure(clerk)).toMatchObject({
    code: 'store-unusable',
    message:
      'The user "clerk" lacks privileges on the schema "uketsuke": grant SELECT, INSERT, UPDATE and DELETE on its tables.',
  })
  await server.query('GRANT ALL ON ALL TABLES IN SCHEMA uketsuke TO clerk', url)
  expect(await failure(clerk)).toBeUndefined()
})

test('a later schema version, and a schema of another program', async () => {
  const url = await server.create('later')
  const store = open(url)
  await store.migrate()
  await store.close()
  await server.query('INSERT INTO uketsuke.migrations VALUES (99, now())', url)
  expect(await failure(url)).toMatchObject({
    code: 'store-unusable',
    message: expect.stringMatching(/is at version 99, but this version of uketsuke supports only up to \d+/),
  })
  await server.query('CREATE TABLE public.theirs (id int)', url)
  expect(await failure({ connectionString: url, schema: 'public' })).toMatchObject({
    code: 'store-unusable',
    message: expect.stringContaining('belongs to another program: it contains the table "theirs"'),
  })
})

test('ten stores that start at once share one schema', async () => {
  const url = await server.create('race')
  const stores = Array.from({ length: 10 }, () => open({ connectionString: url, max: 2 }))
  await Promise.all(stores.map((store) => store.migrate()))
  const job = create({ id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 1, retainFor: 1 }, Date.now())
  await stores[0]?.insert([{ job }])
  expect((await stores[9]?.get('o', ['a']))?.[0]).toEqual(job)
  await Promise.all(stores.map((store) => store.close()))
})

test('a failed start can be repeated', async () => {
  const store = open(server.url('born_later'))
  await expect(store.migrate()).rejects.toMatchObject({ code: 'store-unusable' })
  await server.create('born_later')
  await store.migrate()
  expect(await store.stats()).toMatchObject({ jobs: { pending: 0 } })
  await store.close()
})

test('describes the durability as configured, and overrides synchronous_commit = off', async () => {
  const url = await server.create('careless')
  await server.query('ALTER DATABASE careless SET synchronous_commit = off')
  const store = open(url)
  await store.migrate()
  expect(store.description.engine).toMatch(/^PostgreSQL \d+/)
  expect(store.description.durability).toContain('fsync=on, synchronous_commit=on: an accepted job survives')
  await store.close()
  await server.query('ALTER SYSTEM SET fsync = off')
  await server.query('SELECT pg_reload_conf()')
  const risky = open({ connectionString: url, pollOnly: true })
  await risky.migrate()
  expect(risky.description.durability).toMatch(
    /fsync=off: an accepted job may be lost if the machine crashes; .* by polling/,
  )
  await risky.close()
})

test.each(['repeatable read', 'serializable'])(
  'twenty starts at once where the server’s default is %s',
  async (level) => {
    const database = await server.create()
    await server.query(
      `ALTER DATABASE ${new URL(database).pathname.slice(1)} SET default_transaction_isolation = '${level}'`,
    )
    for (let round = 0; round < 3; round++) {
      const stores = Array.from({ length: 20 }, () =>
        open({ connectionString: database, schema: `at_once_${round}`, max: 2 }),
      )
      const outcomes = await Promise.allSettled(stores.map((store) => store.migrate()))
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
      await Promise.all(stores.map((store) => store.close()))
    }
  },
)

test('tolerates concurrent changes where the server’s default isolation is serializable', async () => {
  const database = await server.create()
  await server.query(
    `ALTER DATABASE ${new URL(database).pathname.slice(1)} SET default_transaction_isolation = 'serializable'`,
  )
  const [one, two] = [open(database), open(database)]
  await Promise.all([one.migrate(), two.migrate()])
  const asked = { type: 'a', owner: 'o', input: '{}', maxAttempts: 3, retainFor: 1_000 }
  const now = Date.now() - 1_000
  // More would wait too long for a connection on a machine that is busy with other tests.
  const jobs = Array.from({ length: 60 }, (_, i) => create({ ...asked, id: `job-${i}` }, now))
  const key = (i: number) => ({ route: 'r', key: `k${i}`, fingerprint: 'f', expiresAt: now + 1e9 })
  const keyed = (store: Store, prefix: string) =>
    Promise.all(jobs.map((job, i) => store.insert([{ job: { ...job, id: prefix + job.id }, key: key(i % 20) }])))
  const inserted = (await Promise.all([keyed(one, 'a'), keyed(two, 'b')])).flat(2)
  expect(inserted.filter(({ created }) => created)).toHaveLength(20)
  await one.insert(jobs.map((job) => ({ job })))
  const claim = (store: Store, worker: string) =>
    store.claim({ queue: 'jobs', types: ['a'], limit: 10, worker, leaseMs: 30_000 })
  const claims = await Promise.all(Array.from({ length: 12 }, (_, i) => claim(i % 2 ? one : two, `w${i}`)))
  const ids = claims.flat().map(({ id }) => id)
  expect([ids.length, new Set(ids).size]).toEqual([80, 80])
  await Promise.all([one.close(), two.close()])
})

test('refuses a pooler in front of a server whose default isolation is not read committed', async () => {
  // Set this before the pooler opens its first connection.
  await server.query("ALTER ROLE super SET default_transaction_isolation = 'serializable'")
  const pooler = await startPgBouncer(server)
  try {
    expect(await failure(pooler.url)).toMatchObject({
      code: 'store-unusable',
      message: expect.stringMatching(/serializable.*ALTER ROLE/s),
    })
  } finally {
    await server.query('ALTER ROLE super RESET default_transaction_isolation')
    await pooler.stop()
  }
})

test('refuses a pooler in statement mode', async () => {
  const pooler = await startPgBouncer(server, 'statement')
  try {
    const began = performance.now()
    expect(await failure(pooler.url)).toMatchObject({
      code: 'store-unusable',
      message: expect.stringContaining('pool_mode = transaction'),
    })
    expect(performance.now() - began).toBeLessThan(4_000)
  } finally {
    await pooler.stop()
  }
})
