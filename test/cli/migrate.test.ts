import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startPgBouncer } from '../servers/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { Cli, endAll, fill, fresh, jobsFile, uketsuke } from './run.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())
afterEach(endAll)

const ann = { authorization: 'Bearer ann', 'content-type': 'application/json' }
const sums = (out: string) =>
  [...out.matchAll(/^(\w+): (\d+) rows.*checksum ([0-9a-f]{64})/gm)].map(([, ...rest]) => rest)

async function receiver() {
  const heard: { data: { jobId: string } }[] = []
  const listener = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    heard.push(JSON.parse(body))
    res.writeHead(204).end()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`
  return { heard, address, close: () => new Promise((resolve) => listener.close(resolve)) }
}

test('SQLite to PostgreSQL: copies everything, and jobs continue on the new store', async () => {
  const [file, until, url] = [fresh(), fresh('now'), await server.create()]
  const refusing = await receiver()
  await refusing.close()
  const filled = await fill(file, until, refusing.address)
  const args = ['migrate', '--from', `sqlite:${file}`, '--to', url]
  await filled.kill()

  const moved = await uketsuke(args)
  expect(moved).toMatchObject({ code: 0, err: '' })
  // Five jobs and a delivery. An attempt has a row of its own once its job continues: one attempt failed, one was released.
  expect(sums(moved.out).map(([table, rows]) => [table, rows])).toEqual([
    ['jobs', '6'],
    ['attempts', '2'],
    ['idempotency_keys', '1'],
    ['key_states', '0'],
    ['unique_keys', '0'],
    ['fragments', '0'],
    // Workers report themselves, and statistics are kept.
    ['records', expect.stringMatching(/^\d+$/)],
    ['shared', '0'],
  ])
  expect(await uketsuke(args)).toMatchObject({ code: 0, out: 'This migration is already complete. Nothing changed.\n' })
  const left = await uketsuke(['serve', '--jobs', jobsFile, '--store', file])
  expect(left).toMatchObject({ code: 2 })
  expect(left.err).toMatch(
    /^SQLite "\S+" is locked: it has been migrated to PostgreSQL at super@\S+, schema "uketsuke"\. Use that[^\n]*\n$/,
  )
  expect(left.err).not.toContain('secret')

  const again = createServer(
    (req, res) => void req.resume().on('end', () => heard.push(req.headers['webhook-id']) && res.end()),
  )
  const heard: unknown[] = []
  await new Promise<void>((resolve) => again.listen(Number(refusing.address.split(':')[1]), '127.0.0.1', resolve))
  const serving = new Cli(['serve', '--jobs', jobsFile, '--port', '0'], {
    DATABASE_URL: url,
    RECEIVER: refusing.address,
  })
  const [, base = ''] = await serving.says(/^address\s+(\S+)$/m)
  const { ids } = filled
  const body = JSON.stringify({ type: 'held', input: { until } })
  const repeated = await fetch(base, { method: 'POST', headers: { ...ann, 'idempotency-key': 'order-7' }, body })
  expect(repeated.headers.get('idempotent-replayed')).toBe('true')
  expect(await repeated.json()).toMatchObject({ jobId: ids.held })
  const state = async (id: string, prefer = 'wait=20') =>
    (await fetch(`${base}/${id}?include=input`, { headers: { ...ann, prefer } })).json()
  writeFileSync(until, '')
  const odd = 'NUL \u0000, U+0001 \u0001\u00010, U+2028 \u2028, lone \ud800, 漢字, 🚀, "quotes\' \\'
  expect(await state(ids.held)).toMatchObject({ status: 'completed', attempt: 2 })
  expect(await state(ids.done)).toMatchObject({ status: 'completed', output: { input: { odd } }, metadata: { odd } })
  expect(await state(ids.stumbled)).toMatchObject({ status: 'completed', attempt: 2 })
  expect(await state(ids.big)).toMatchObject({
    status: 'completed',
    output: { input: { odd, padding: 'x'.repeat(1_000_000) } },
  })
  expect(await state(ids.later, '')).toMatchObject({ status: 'pending', input: { odd } })
  // The second attempt is due five seconds after the first.
  await expect.poll(() => heard, { timeout: 20_000 }).toEqual([`msg_${ids.done}`])
  serving.child.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
  await new Promise((resolve) => again.close(resolve))
})

test('killed midway: the target is locked, a second run resumes; then the jobs migrate back', async () => {
  const [file, until, url] = [fresh(), fresh('now'), await server.create()]
  const filled = await fill(file, until, '127.0.0.1:9', 20_000)
  await filled.kill()
  const args = ['migrate', '--from', `sqlite:${file}`, '--to', url]
  const first = new Cli(args)
  const arrived = async () => {
    const count = 'SELECT count(*)::int AS n FROM uketsuke.jobs'
    return server.query(count, url).then(
      ({ rows }) => rows[0].n as number,
      () => 0,
    )
  }
  await expect.poll(arrived, { timeout: 60_000, interval: 1 }).toBeGreaterThan(0)
  first.child.kill('SIGKILL')
  await first.ended
  const before = await arrived()
  expect(before).toBeLessThan(20_006)

  const half = await uketsuke(['migrate'], { DATABASE_URL: url })
  expect(half).toMatchObject({ code: 2 })
  expect(half.err).toMatch(
    /^The migration from SQLite "\S+" to PostgreSQL at \S+, schema "uketsuke" is incomplete: run[^\n]*\n$/,
  )
  const other = fresh('other.db')
  await uketsuke(['migrate', '--store', other])
  expect(await uketsuke(['migrate', '--from', `sqlite:${other}`, '--to', url])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/contains jobs that are not from SQLite/),
  })

  const second = await uketsuke(args)
  expect(second).toMatchObject({ code: 0, err: '' })
  expect(second.out).toContain(`jobs: 20006 rows (${before} from an earlier run), checksum`)

  const target = fresh('back.db')
  const back = await uketsuke(['migrate', '--from', url, '--to', `sqlite:${target}`])
  expect(back).toMatchObject({ code: 0, err: '' })
  expect(sums(back.out)).toEqual(sums(second.out))
  // The first file still contains its jobs, so it cannot be a target.
  expect(await uketsuke(['migrate', '--from', `sqlite:${target}`, '--to', `sqlite:${file}`])).toMatchObject({ code: 2 })
  expect(await uketsuke(['migrate'], { DATABASE_URL: url })).toMatchObject({
    code: 2,
    err: expect.stringContaining('is locked: it has been migrated to SQLite'),
  })
})

test('refuses to start while a server or a worker uses either store, under any application name or address', async () => {
  const url = await server.create()
  const file = `sqlite:${fresh()}`
  const pooler = await startPgBouncer(server)
  const refuses = async (role: string, from: string, at: string) => {
    const serving = new Cli(['serve', '--jobs', jobsFile, '--port', '0', '--role', role], { DATABASE_URL: at })
    await serving.says(/^worker/m)
    const refused = await uketsuke(['migrate', '--from', from, '--to', `sqlite:${fresh()}`])
    expect(refused).toMatchObject({ code: 2, out: '' })
    expect(refused.err).toMatch(/ is in use by another process: stop all workers and servers that use it[^\n]*\n$/)
    expect(serving.child.exitCode).toBe(null)
    serving.child.kill('SIGTERM')
    expect(await serving.ended).toBe(0)
  }
  // Each waits for the lock for some seconds, so they wait together.
  await Promise.all([
    refuses('worker', url, `${url}?application_name=mine`),
    refuses('worker', server.url(), pooler.url),
    refuses('worker', file, file),
  ])
  await Promise.all([refuses('api', url, url), refuses('api', file, file)])
  await pooler.stop()
})

test.each([
  ['--from without --to', ['--from', 'sqlite:a.db'], 'A migration requires both --from and --to.'],
  [
    'a missing source file',
    ['--from', 'sqlite:/nowhere/a.db', '--to', 'sqlite:b.db'],
    'The source file "/nowhere/a.db" does not exist.',
  ],
  [
    'an unknown database scheme',
    ['--from', 'mysql://root:secret@x/y', '--to', 'sqlite:b.db'],
    'A store URL must be postgres://…, sqlite:path or file:path, not mysql://….',
  ],
])('usage error: %s', async (_, more, sentence) => {
  expect(await uketsuke(['migrate', ...more])).toEqual({ code: 2, out: '', err: `${sentence}\n` })
})
