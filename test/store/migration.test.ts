import { expect, test } from 'vitest'
import {
  columns,
  layout,
  migrationNotes,
  type RawTables,
  type Row,
  type TableName,
  tables,
} from '../../packages/uketsuke/src/store/raw-tables.ts'
import { sum } from '../../packages/uketsuke/src/store-migration/checksum.ts'
import { migrateStore } from '../../packages/uketsuke/src/store-migration/migrate-store.ts'
import { pages } from '../../packages/uketsuke/src/store-migration/pages.ts'

/** Minimal raw tables, which can fail at a write, corrupt rows, or be in use. */
class FakeTables implements RawTables {
  readonly rows: Record<TableName, Row[]> = {
    jobs: [],
    attempts: [],
    idempotency_keys: [],
    key_states: [],
    unique_keys: [],
    fragments: [],
    records: [],
    shared: [],
  }
  readonly where: string
  writes = Number.POSITIVE_INFINITY
  garble = false

  constructor(where: string) {
    this.where = where
  }

  async read(table: TableName, after: Row | null, limit: number) {
    const sorted = this.rows[table].toSorted((a, b) => (keyOf(table, a) < keyOf(table, b) ? -1 : 1))
    return sorted.filter((row) => after === null || keyOf(table, row) > keyOf(table, after)).slice(0, limit)
  }
  async last(table: TableName) {
    return (await this.read(table, null, 1_000_000)).at(-1) ?? null
  }
  async write(table: TableName, rows: readonly Row[]) {
    if (this.writes-- <= 0) throw new Error('killed')
    for (const row of rows) {
      const there = this.rows[table].findIndex((one) => keyOf(table, one) === keyOf(table, row))
      if (there >= 0 && table === 'shared') this.rows[table].splice(there, 1)
      if (there < 0 || table === 'shared')
        this.rows[table].push(this.garble && table === 'jobs' ? { ...row, owner: 'x' } : row)
    }
  }
  async checkExclusive() {}
  async close() {}
  note(name: string) {
    return this.rows.shared.find((row) => row.name === name)?.value
  }
}

const keyOf = (table: TableName, row: Row) =>
  layout(table)
    .key.map((name) => String(row[name]).padStart(9))
    .join()
const row = (table: TableName, given: Row): Row => ({
  ...Object.fromEntries(columns(table).map((name) => [name, null])),
  ...given,
})
const open = (raw: RawTables) => async () => raw
const go = (source: RawTables, target: RawTables) => migrateStore(open(source), open(target), () => {})

function filled(jobs = 300): FakeTables {
  const source = new FakeTables('source')
  for (let id = 0; id < jobs; id++) source.rows.jobs.push(row('jobs', { id: `job-${id}`, input: '{}', version: id }))
  source.rows.attempts.push(row('attempts', { job_id: 'job-1', version: 2 }))
  source.rows.idempotency_keys.push(row('idempotency_keys', { owner: 'ann', route: 'r', key: 'k' }))
  source.rows.shared.push({ name: 'ticket-key', value: 'secret' })
  return source
}

test('a migration killed at any write resumes to the same result; both stores are never open at once', async () => {
  for (let writes = 0; ; writes++) {
    const [source, target] = [filled(), new FakeTables('target')]
    target.writes = writes
    source.writes = Math.min(writes, 2)
    const failed = await go(source, target).then(
      () => false,
      () => true,
    )
    const closed =
      (target.note(migrationNotes.into) as string | undefined)?.includes('"done":false') ??
      target.rows.jobs.length === 0
    expect(source.note(migrationNotes.out) !== undefined || closed).toBe(true)
    target.writes = source.writes = Number.POSITIVE_INFINITY
    const moved = await go(source, target)
    for (const table of Object.keys(tables) as TableName[])
      expect(await sum(target, table)).toEqual(await sum(source, table))
    expect(target.note('ticket-key')).toBe('secret')
    expect([source.note(migrationNotes.out), JSON.parse(String(target.note(migrationNotes.into)))]).toMatchObject([
      'target',
      { done: true, from: 'source' },
    ])
    if (!failed) {
      expect(moved).toEqual([])
      return expect(writes).toBeGreaterThan(6)
    }
  }
})

test('a checksum mismatch leaves the target closed and the source open', async () => {
  const [source, target] = [filled(3), new FakeTables('target')]
  target.garble = true
  await expect(go(source, target)).rejects.toMatchObject({
    code: 'store-unusable',
    message: expect.stringMatching(/^jobs: 3 rows/),
  })
  expect([source.note(migrationNotes.out), target.note(migrationNotes.into)]).toEqual([
    undefined,
    expect.stringContaining('"done":false'),
  ])
})

test('rejects a target with jobs of its own or of another migration, and a source that was migrated away', async () => {
  for (const table of ['jobs', 'attempts', 'idempotency_keys'] as const) {
    const target = new FakeTables('target')
    target.rows[table].push(row(table, { id: 'own' }))
    await expect(go(filled(1), target)).rejects.toThrow('target contains jobs that are not from source')
  }
  const [source, half] = [filled(1), new FakeTables('target')]
  half.writes = 1
  await expect(go(source, half)).rejects.toThrow('killed')
  half.writes = Number.POSITIVE_INFINITY
  await expect(go(filled(0), half)).rejects.toThrow('target contains jobs that are not from source')
  await go(source, half)
  await expect(go(source, new FakeTables('another'))).rejects.toThrow('has already been migrated to target')
})

test('a chain of migrations copies the rows and not the notes', async () => {
  const [one, two, three] = [filled(1), new FakeTables('two'), new FakeTables('three')]
  await go(one, two)
  await go(two, three)
  expect(three.rows.shared.map(({ name }) => name).sort()).toEqual([migrationNotes.into, 'ticket-key'])
})

test('a checksum does not depend on the order of the rows', async () => {
  const [one, other] = [filled(5), filled(5)]
  other.rows.jobs.reverse()
  expect(await sum(one, 'jobs')).toEqual(await sum(other, 'jobs'))
  other.rows.jobs[2] = { ...other.rows.jobs[2], version: 9 }
  expect(await sum(one, 'jobs')).not.toEqual(await sum(other, 'jobs'))
})

test('a page contains more rows when the rows are shorter', async () => {
  const lengths = async (padding: number) => {
    const raw = new FakeTables('padded')
    for (let id = 0; id < 60; id++) raw.rows.jobs.push(row('jobs', { id: `job-${id}`, input: 'x'.repeat(padding) }))
    const found: number[] = []
    for await (const page of pages(raw, 'jobs', null)) found.push(page.length)
    return found
  }
  expect(await lengths(10)).toEqual([20, 40])
  expect(await lengths(2 << 20)).toEqual([20, ...Array.from({ length: 40 }, () => 1)])
})
