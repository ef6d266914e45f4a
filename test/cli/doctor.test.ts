import { writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { startPgBouncer } from '../servers/pgbouncer.ts'
import { startPostgres } from '../servers/postgres.ts'
import { RedisServer } from '../servers/redis.ts'
import { endAll, fresh, uketsuke } from './run.ts'

afterEach(endAll)

test('SQLite: missing file, current schema, not a database', async () => {
  const file = fresh()
  const doctor = () => uketsuke(['doctor', '--store', file])
  expect(await doctor()).toMatchObject({ code: 0, err: '', out: expect.stringContaining('does not exist') })
  await uketsuke(['migrate', '--store', file])
  const healthy = await doctor()
  expect(healthy).toMatchObject({ code: 0, err: '' })
  expect(
    healthy.out
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(0, 4)),
  ).toEqual(['ok  ', 'ok  ', 'ok  ', 'ok  ', 'ok  '])
  expect(healthy.out).toContain('synchronous=FULL')
  writeFileSync(file, 'this is not a database, and it is long enough to detect'.repeat(99))
  expect(await doctor()).toMatchObject({ code: 1, out: expect.stringMatching(/^FAIL {2}SQLite: .*damaged/m) })
})

test('reports due jobs that no worker runs, with their type and waiting time', async () => {
  const server = await startPostgres()
  try {
    const file = fresh()
    for (const [store, environment] of [
      [sqlite(file), {}],
      [postgres(server.url()), { DATABASE_URL: server.url() }],
    ] as const) {
      const jobs = createJobs({ jobs: { mail: job({ input: z.object({}), run: () => 1 }) }, store, log: silentLog })
      await jobs.enqueue('mail', {})
      await jobs.ready()
      await jobs.close()
      const doctor = () => uketsuke(['doctor', '--store', file], environment)
      expect((await doctor()).out).not.toContain('mail')
      if ('DATABASE_URL' in environment)
        await server.query('UPDATE uketsuke.pending SET rank = rank - 90000000, run_at = run_at - 90000')
      else {
        const other = await open(file)
        other.exec('UPDATE jobs SET run_at = run_at - 90000, rank = rank - 90000000')
        other.close()
      }
      const { code, out } = await doctor()
      expect(code).toBe(0)
      expect(out).toMatch(/^warn {2}.*: jobs of type "mail" have been due for up to 9\d s and none is running: start/m)
      const paused = createJobs({ jobs: {}, store, log: silentLog })
      const dashboard = paused.dashboard({ authorize: () => true, readOnly: false })
      const pause = new Request('http://localhost/dashboard-api/types/mail/pause', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' },
        body: '{}',
      })
      expect((await dashboard(pause)).status).toBe(200)
      await paused.close()
      expect((await doctor()).out).toMatch(/none is running: an operator has paused this type/)
    }
  } finally {
    await server.stop()
  }
})

test('PostgreSQL: reports each unsafe setting and its consequence', async () => {
  const careless = await startPostgres(['fsync = off', 'full_page_writes = off', 'synchronous_commit = off'])
  try {
    const { code, out, err } = await uketsuke(['doctor'], { DATABASE_URL: careless.url() })
    expect({ code, err }).toEqual({ code: 1, err: '' })
    expect(out).toMatch(/^FAIL {2}PostgreSQL: fsync=off: a crash of the machine loses accepted jobs/m)
    expect(out).toMatch(/^FAIL {2}PostgreSQL: full_page_writes=off: a power failure can corrupt/m)
    expect(out).toMatch(/^warn {2}PostgreSQL: synchronous_commit=off: uketsuke overrides it/m)
    expect(out).toMatch(/^ok {4}PostgreSQL: the schema "uketsuke" does not exist/m)
  } finally {
    await careless.stop()
  }
})

test('PostgreSQL: healthy, behind PgBouncer, stopped', async () => {
  const server = await startPostgres()
  try {
    await uketsuke(['migrate'], { DATABASE_URL: server.url() })
    const healthy = await uketsuke(['doctor'], { DATABASE_URL: server.url() })
    expect(healthy).toMatchObject({ code: 0, err: '' })
    expect(healthy.out).not.toMatch(/^(warn|FAIL)/m)
    expect(healthy.out).toMatch(
      /^ok {4}PostgreSQL: the database's clock is \d+ ms (behind|ahead of) this machine's\.$/m,
    )
    expect(healthy.out).toMatch(/schema "uketsuke" is at version \d+, up to date/)

    const pooler = await startPgBouncer(server)
    const pooled = await uketsuke(['doctor'], { DATABASE_URL: pooler.url })
    expect(pooled).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^warn {2}PostgreSQL: connection through a pooler such as PgBouncer/m),
    })
    const moving = await uketsuke(['migrate', '--from', pooler.url, '--to', `sqlite:${fresh()}`])
    expect(moving).toMatchObject({
      code: 2,
      err: expect.stringMatching(/behind a pooler, which cannot hold the lock[^\n]*\n$/),
    })
    await pooler.stop()
  } finally {
    await server.stop()
  }
  const gone = await uketsuke(['doctor'], { DATABASE_URL: server.url() })
  expect(gone).toMatchObject({ code: 1, out: expect.stringMatching(/^FAIL {2}PostgreSQL: /m) })
  expect(gone.out).not.toContain('secret')
})

test('Redis: an evicting maxmemory-policy, a replica, a stopped server', async () => {
  const redis = await RedisServer.start('--maxmemory-policy', 'allkeys-lru')
  const replica = await RedisServer.start('--replicaof', '127.0.0.1', String(redis.port))
  const doctor = (url: string) => uketsuke(['doctor', '--store', fresh()], { REDIS_URL: url })
  try {
    const evicting = await doctor(redis.url)
    expect(evicting).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^ok {4}Redis: redis:\S+ responds/m),
    })
    expect(evicting.out).toMatch(/^warn {2}Redis: maxmemory-policy is allkeys-lru: .* start up to a second late/m)
    expect(await doctor(replica.url)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^FAIL {2}Redis: .* replica/m),
    })
  } finally {
    await replica.stop()
    await redis.stop()
  }
  const gone = await doctor(redis.url.replace('//', '//me:hunter2@'))
  expect(gone).toMatchObject({ code: 0, out: expect.stringMatching(/^warn {2}Redis: redis:\S+ is unavailable/m) })
  expect(gone.out).not.toContain('hunter2')
})
