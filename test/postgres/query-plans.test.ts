import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import type { ClaimQuery, Store } from '../../packages/uketsuke/src/store/port.ts'
import { claim } from '../../packages/uketsuke/src/store/postgres/claim.ts'
import type { Sql } from '../../packages/uketsuke/src/store/postgres/connection.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { admit } from '../../packages/uketsuke/src/store/postgres/limits.ts'
import { planSettings } from '../../packages/uketsuke/src/store/postgres/prepared-statements.ts'
import { nextDue, position } from '../../packages/uketsuke/src/store/postgres/queries.ts'
import { time } from '../../packages/uketsuke/src/store/postgres/time.ts'
import { unclaimed } from '../../packages/uketsuke/src/store/postgres/unclaimed.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { insertJobs } from '../servers/whole-jobs.ts'

/** `SCALE=full` uses the promised size and checks the throughput; the default is a tenth of that size, without the check. */
const full = process.env.SCALE === 'full'
const [finished, waiting] = full ? [1_000_000, 500_000] : [100_000, 50_000]

let server: PostgresServer
let store: Store
beforeAll(async () => {
  server = await startPostgres(['shared_buffers = 512MB', 'max_wal_size = 4GB'])
  store = postgres(server.url())(systemClock)
  await store.migrate()
}, 60_000)
afterAll(async () => {
  await store.close()
  await server.stop()
})

const asked: ClaimQuery = { queue: 'jobs', types: ['t'], limit: 100, worker: 'w', leaseMs: 30_000 }

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: Plan[]
}

const tables = new Set(['accepted', 'pending', 'running', 'ended'])
const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** The executed plan of the statement that `ask` sends; the execution is rolled back. */
async function planOf(ask: (sql: Sql) => Promise<unknown>) {
  const sent: { text: string; values: unknown[] }[] = []
  const send = async (text: string, values: readonly unknown[]) => {
    sent.push({ text, values: [...values] })
    return []
  }
  const sql = { query: send, tuples: send, script: async () => {} }
  await ask(sql)
  const { text = '', values = [] } = sent.find(({ text }) => text.includes('uketsuke.pending')) ?? {}
  const result = await server.rolledBack(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values)
  const { Plan: plan } = (result.rows[0] as { 'QUERY PLAN': [{ Plan: Plan }] })['QUERY PLAN'][0]
  const scans = nodes(plan).filter(
    (node) => tables.has(node['Relation Name'] ?? '') && node['Node Type'] !== 'ModifyTable',
  )
  return {
    scans: scans.map((node) => `${node['Node Type']} ${node['Index Name'] ?? ''}`.trim()),
    blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    rows: plan['Actual Rows'],
  }
}

const byIndex = ['Index Scan pending_pkey', 'Index Scan pending_pkey']
/** A claim returns one row more than it claims. */
const claiming = async (query: ClaimQuery = asked) => {
  const plan = await planOf((sql) => claim(sql, time(systemClock), query, 'mark', false))
  return { ...plan, rows: plan.rows - 1 }
}

/** Jobs per second, claimed and completed in batches of 100. */
async function rate(store: Store, prefix: string): Promise<number> {
  const jobs = Array.from({ length: 1_000 }, (_, i) =>
    rules.create(
      { id: `${prefix}-${i}`, type: 'fast', owner: 'o', input: '{}', maxAttempts: 1, retainFor: 1e9 },
      Date.now(),
    ),
  )
  await store.insert(jobs.map((job) => ({ job })))
  const began = performance.now()
  for (let done = 0; done < jobs.length; ) {
    const claimed = await store.claim({ ...asked, types: ['fast'] })
    await store.replace(claimed.map((job) => change(job, rules.succeed(job, Date.now(), '{}')!, Date.now())))
    done += claimed.length
  }
  return (jobs.length * 1_000) / (performance.now() - began)
}

/** Alternates between the stores and returns the best of a few rounds of each, to tolerate other load on the machine. */
async function rates(one: Store, other: Store): Promise<[number, number]> {
  const best: [number, number] = [0, 0]
  for (let round = 0; round < (full ? 20 : 5); round++) {
    best[0] = Math.max(best[0], await rate(one, `one-${round}`))
    best[1] = Math.max(best[1], await rate(other, `other-${round}`))
  }
  return best
}

/** Pending jobs, unless `columns` says otherwise. */
const fill = (prefix: string, count: number, columns: Record<string, string>) =>
  server.query(
    insertJobs(
      {
        ...{ id: `'${prefix}-' || n`, queue: "'jobs'", type: "'t'", owner: "'o' || n % 100", priority: "'normal'" },
        ...{ attempt: '0', max_attempts: '3', progress: '0', created_at: 'n', run_at: 'n', retain_for: '1' },
        ...{ input: "repeat('x', 200)", status: "'pending'", version: '1', ...columns },
      },
      `generate_series(1, ${count}) AS n`,
    ),
  )

test(`claims among ${finished} finished jobs and ${waiting} waiting ones read the front of an index`, async () => {
  const far = Date.now() + 1e9
  await fill('done', finished, { status: "'completed'", version: '3', completed_at: 'n', expires_at: `${far} + n` })
  // Half are due and half are scheduled. There are no statistics yet, as after a sudden burst.
  await fill('due', waiting / 2, {})
  await fill('later', waiting / 2, { run_at: `${far} + n` })
  const rush = await claiming()
  expect(rush).toMatchObject({ scans: expect.arrayContaining(byIndex), rows: 100 })
  await server.query('VACUUM ANALYZE')
  const one = await claiming({ ...asked, limit: 1 })
  expect(one.scans.filter((scan) => scan.startsWith('Seq'))).toEqual([])
  expect(one.blocks).toBeLessThan(100)
  const hundred = await claiming()
  expect(hundred).toMatchObject({ scans: expect.arrayContaining(byIndex), rows: 100 })
  expect(hundred.scans.filter((scan) => scan.startsWith('Seq'))).toEqual([])
  // About a dozen blocks per claimed job: its row, and its entry in each index.
  expect(hundred.blocks).toBeLessThan(4_000)
  const next = await planOf((sql) => nextDue(sql, 'jobs', ['t']))
  expect(next.scans.filter((scan) => !scan.includes('pending_pkey'))).toEqual([])
  expect(next.blocks).toBeLessThan(50)

  // Nothing is due: the claim does not scan the scheduled jobs.
  await server.query("DELETE FROM uketsuke.pending WHERE id LIKE 'due-%'")
  await server.query('VACUUM ANALYZE')
  const idle = await claiming()
  expect(idle).toMatchObject({ rows: 0 })
  expect(idle.blocks).toBeLessThan(30)
  await server.query('CHECKPOINT')
  const small = postgres({ connectionString: server.url(), schema: 'small' })(systemClock)
  await small.migrate()
  const [empty, later] = await rates(small, store)
  await small.close()
  const figures = `${Math.round(empty)} jobs/s claimed and completed on an empty table, ${Math.round(later)} on a full one`
  if (full) expect(later, figures).toBeGreaterThan(0.9 * empty)
  console.info(figures, { hundred: hundred.blocks, one: one.blocks, idle: idle.blocks })
}, 900_000)

test('claims and nextDue read no more beside a backlog of other types than on an empty table', async () => {
  const types = ['mine', 'yours', 'ours']
  const measure = async () => {
    const some = await claiming({ ...asked, types, limit: 10 })
    const one = await claiming({ ...asked, types: ['mine'], limit: 10 })
    const next = await planOf((sql) => nextDue(sql, 'jobs', types))
    const place = await planOf((sql) => position(sql, time(systemClock), 'mine-1'))
    const silent = await planOf((sql) => unclaimed(sql, time(systemClock), 0))
    return { some, one, next, place, silent }
  }
  // Same planner settings as the store's sessions.
  for (const [name, value] of Object.entries(planSettings))
    await server.query(`ALTER ROLE super SET ${name} = '${value}'`)
  await server.query('TRUNCATE uketsuke.accepted, uketsuke.pending, uketsuke.ended')
  const insert = (type: string, count: number, due: string) =>
    fill(type, count, {
      type: `'${type}'`,
      priority: "CASE WHEN n % 3 = 0 THEN 'high' ELSE 'normal' END",
      run_at: due,
      input: "'{}'",
    })
  for (const type of types) await insert(type, 20, '1000 + n')
  await server.query('VACUUM ANALYZE')
  const alone = await measure()
  // Older than our jobs, so that they precede them in every index ordered by time.
  for (const foreign of ['another', 'nobodys', 'zebra']) await insert(foreign, waiting / 3, 'n % 1000')
  const rush = await measure()
  await server.query('VACUUM ANALYZE')
  const beside = await measure()
  for (const [name, { blocks, scans }] of [...Object.entries(rush), ...Object.entries(beside)]) {
    expect(
      scans.filter((scan) => scan.startsWith('Seq')),
      name,
    ).toEqual([])
    // The margin allows for a deeper index, and for the first entry of each foreign type in queries over all types.
    expect(blocks, name).toBeLessThan(alone[name as keyof typeof alone].blocks + 250)
  }
  expect([rush.some.rows, rush.one.rows, beside.some.rows, beside.one.rows]).toEqual([10, 10, 10, 10])
  expect(beside.one.blocks).toBeLessThan(alone.one.blocks * 2)
  expect(beside.some.blocks).toBeLessThan(alone.some.blocks * 2)
}, 900_000)

test('claims beside parked jobs of a key at its limit read no more than on an empty table', async () => {
  await server.query('TRUNCATE uketsuke.accepted, uketsuke.pending, uketsuke.ended')
  const types = ['mine', 'yours']
  const measure = async () => ({
    one: await claiming({ ...asked, types: ['mine'], limit: 10 }),
    some: await claiming({ ...asked, types, limit: 10 }),
    next: await planOf((sql) => nextDue(sql, 'jobs', types)),
    none: await claiming({ ...asked, types: ['yours'], limit: 10 }),
  })
  await fill('free', 20, { type: "'mine'", run_at: '1000 + n', input: "'{}'" })
  await server.query('VACUUM ANALYZE')
  const alone = await measure()
  const parked = { run_at: 'n', input: "'{}'", limit_key: "'k'", parked: '1' }
  await fill('parked', 50_000, { ...parked, type: "'mine'" })
  await fill('held', 50_000, { ...parked, type: "'yours'", priority: "'high'" })
  for (const vacuum of [false, true]) {
    if (vacuum) await server.query('VACUUM ANALYZE')
    for (const [name, { blocks, rows }] of Object.entries(await measure())) {
      const before = alone[name as keyof typeof alone]
      // A deeper index has one level more, and each look goes down it once.
      expect([name, rows]).toEqual([name, before.rows])
      expect(blocks, name).toBeLessThan(before.blocks + 60)
    }
  }
  // The admission itself counts what is ready and running, not what is parked.
  const admission = await planOf((sql) =>
    admit(sql, time(systemClock), 'uketsuke', [{ type: 'mine', key: 'k' }], () => ({
      room: 0,
      after: () => ({ state: null, again: null }),
    })).then(() => {}),
  )
  expect(admission.blocks).toBeLessThan(30)
}, 300_000)
