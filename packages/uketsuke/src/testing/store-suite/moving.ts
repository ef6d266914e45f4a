import assert from 'node:assert/strict'
import * as rules from '../../domain/rules.ts'
import { allOwners, type Store } from '../../store/port.ts'
import {
  columns,
  type OpenRawTables,
  type RawTables,
  type Row,
  type TableName,
  tables,
} from '../../store/raw-tables.ts'
import { type ManualClock, manualClock } from '../clock.ts'
import { allowed, applied, asked, job, key } from './fixture.ts'

/** The location of a persistent store, and both ways to open it. */
export interface StoredState {
  store(): Store
  readonly raw: OpenRawTables
}

export interface RawTablesPair {
  test(name: string, fn: () => Promise<void>): void
  /** Creates a new, empty location for a store. */
  openPersistent(clock: ManualClock): Promise<StoredState>
}

const awkward = 'NUL \u0000, U+0001 \u0001\u00010, U+2028 \u2028, 漢字, 🚀, \\ud800, "quotes\' \\ and\r\nlines %_'
const all = Object.keys(tables) as TableName[]

/** Conformance tests of raw tables, which make migrations between any two stores possible. */
export function moving({ test, openPersistent }: RawTablesPair): void {
  const check = (
    name: string,
    body: (fixture: { clock: ManualClock; stored: StoredState; other: StoredState }) => Promise<void>,
  ) =>
    test(`raw tables: ${name}`, async () => {
      const clock = manualClock()
      await body({ clock, stored: await openPersistent(clock), other: await openPersistent(clock) })
    })

  check('all rows of all tables are read in key order, for any page size', async ({ clock, stored }) => {
    await within(stored, (store) => fill(store, clock))
    await opened(stored, async (raw) => {
      for (const table of all) {
        const whole = await raw.read(table, null, 1_000)
        const single: Row[] = []
        for (let [row] = await raw.read(table, null, 1); row; [row] = await raw.read(table, row, 1)) single.push(row)
        assert.deepEqual(single, whole)
        assert.deepEqual(await raw.last(table), whole.at(-1))
        for (const row of whole) assert.deepEqual(Object.keys(row).sort(), columns(table).sort())
      }
      assert.deepEqual(
        (await raw.read('jobs', null, 10)).map(({ id }) => id),
        ['Later', 'admitted', 'done', 'done-webhook', awkward, 'parked', 'runs', 'waits', 'é'].sort((a, b) =>
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        ),
      )
    })
  })

  check('rows can be copied to another store, repeatedly, which is then equal', async ({ clock, stored, other }) => {
    await within(stored, (store) => fill(store, clock))
    const before = await within(stored, (store) => contents(store))
    const rows = await opened(stored, everything)
    await opened(other, async (raw) => {
      for (let time = 0; time < 2; time++) for (const [i, table] of all.entries()) await raw.write(table, rows[i]!)
      await raw.write('jobs', [])
      assert.deepEqual(await everything(raw), rows)
    })
    await within(other, async (store) => {
      assert.deepEqual(await contents(store), before)
      // The copy continues: the key finds its job, the due jobs are claimed, and the scheduled one when it is due.
      const again = await store.insert([{ job: job(clock, { id: 'x' }), key: key('k', { fingerprint: awkward }) }])
      assert.deepEqual([again[0]?.job?.id, again[0]?.created], ['waits', false])
      assert.deepEqual((await store.claim(asked)).map(({ id }) => id).sort(), ['waits', 'é'].concat(awkward).sort())
      await clock.advance(60_000)
      assert.deepEqual(
        (await store.claim(asked)).map(({ id }) => id),
        ['Later'],
      )
      assert.deepEqual(
        (await store.expiredLeases(10)).map(({ id }) => id).filter((id) => id === 'runs'),
        ['runs'],
      )
      assert.equal((await store.claim({ ...asked, queue: 'deliveries', types: ['uketsuke.webhook'] })).length, 1)
    })
  })

  check('an existing row is left unchanged; a shared value is replaced', async ({ clock, stored }) => {
    await within(stored, (store) => fill(store, clock))
    await opened(stored, async (raw) => {
      const [first] = await raw.read('jobs', null, 1)
      await raw.write('jobs', [{ ...first, owner: 'mallory' }])
      assert.deepEqual(await raw.read('jobs', null, 1), [first])
      await raw.write('shared', [{ name: 'secret', value: 'another' }])
    })
    assert.equal(await within(stored, (store) => store.shared('secret', 'third')), 'another')
  })

  check(
    'a store in use cannot be opened, and no store can start while raw tables are open',
    async ({ clock, stored }) => {
      await within(stored, async (store) => {
        await fill(store, clock)
        await assert.rejects(stored.raw({ create: false }), { code: 'store-unusable' })
        assert.equal((await store.claim(asked)).length, 3)
      })
      await opened(stored, async () => {
        const store = stored.store()
        await Promise.all([
          assert.rejects(stored.raw({ create: false }), { code: 'store-unusable' }),
          assert.rejects(store.migrate()),
        ])
        await store.close()
      })
      await within(stored, async (store) => assert.equal((await store.stats()).jobs.running, 4))
    },
  )

  check('a missing store is rejected and not created', async ({ stored }) => {
    for (let time = 0; time < 2; time++) await assert.rejects(stored.raw({ create: false }), { code: 'store-unusable' })
  })
}

async function within<T>(stored: StoredState, body: (store: Store) => Promise<T>): Promise<T> {
  const store = stored.store()
  try {
    await store.migrate()
    return await body(store)
  } finally {
    await store.close()
  }
}

async function opened<T>(stored: StoredState, body: (raw: RawTables) => Promise<T>): Promise<T> {
  const raw = await stored.raw({ create: true })
  try {
    return await body(raw)
  } finally {
    await raw.close()
  }
}

const everything = (raw: RawTables) => Promise.all(all.map((table) => raw.read(table, null, 1_000)))

/** Stores rows of every kind. */
async function fill(store: Store, clock: ManualClock): Promise<void> {
  await store.insert([
    { job: job(clock, { id: 'done', priority: 'high', webhookUrl: 'https://example.com' }) },
    { job: job(clock, { id: 'runs', priority: 'high' }) },
  ])
  const [done, runs] = await store.claim(asked)
  assert.ok(done && runs)
  await store.replace([applied(done, rules.succeed(done, clock.now(), JSON.stringify(awkward), awkward), clock)])
  await store.replace([
    applied(
      runs,
      rules.fail(runs, clock.now(), { code: awkward, message: awkward, retryable: true }, clock.now()),
      clock,
    ),
  ])
  await store.claim({ ...asked, worker: awkward })
  const held = { id: 'runs', attempt: 2, worker: awkward }
  for (const key of ['1', awkward]) await store.addFragments([{ lease: held, kind: awkward, key, value: awkward }])
  const input = JSON.stringify({ awkward, padding: 'ä'.repeat(300_000) })
  await store.insert([
    { job: job(clock, { id: 'waits', metadata: JSON.stringify(awkward) }), key: key('k', { fingerprint: awkward }) },
    { job: job(clock, { id: awkward, input, owner: allowed.owner }), key: key(allowed.key, { route: awkward }) },
    { job: job(clock, { id: 'é' }) },
    { job: job(clock, { id: 'Later', runAt: clock.now() + 60_000 }), uniqueKey: awkward },
  ])
  const limited = (id: string) => ({ job: job(clock, { id, type: 'limited', limitKey: awkward }) })
  await store.insert([limited('admitted'), limited('parked')])
  await store.admit([{ type: 'limited', key: awkward }], () => ({
    room: 1,
    after: () => ({ state: awkward, again: null }),
  }))
  await store.shared('secret', awkward)
  for (const kind of [awkward, 'key']) await store.records.update(kind, allowed.owner, awkward, () => awkward)
}

async function contents(store: Store): Promise<unknown> {
  const ids = ['done', 'done-webhook', 'runs', 'waits', awkward, 'é', 'Later', 'admitted', 'parked']
  return {
    jobs: await store.get(allOwners, ids),
    attempts: await Promise.all(ids.map((id) => store.attempts(allOwners, id))),
    deliveries: await store.deliveries(allOwners, 'done'),
    stats: await store.stats(),
    held: await store.holder(awkward),
    fragments: await store.fragments({ owner: allOwners, jobId: 'runs', kind: awkward, after: null, limit: 10 }),
    secret: await store.shared('secret', 'none'),
    records: [
      await store.records.list(awkward, allOwners, null, 10),
      await store.records.list('key', allOwners, null, 10),
    ],
  }
}
