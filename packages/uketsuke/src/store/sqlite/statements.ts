import type { Job } from '../../domain/job.ts'
import { type Column, jobColumns, updatedColumns } from '../columns.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'

export interface Write {
  readonly text: string
  readonly values: Parameter[]
}

/** Returns the number of changed rows. */
export const write = (sql: Sql, { text, values }: Write): number => sql.run(text, ...values)

/** Caches one statement per set of columns to write. Few sets occur in practice. */
function statements(columns: readonly Column[], make: (names: string[]) => string): (set: number) => string {
  const names = columns.map(({ name }) => name)
  const made = new Map<number, string>()
  return (set) => {
    const text = made.get(set) ?? make(names.filter((_, i) => has(set, i)))
    made.set(set, text)
    return text
  }
}

/** Functions in arrays of their own: this runs for every column of every write. */
const jobValues = jobColumns.map(({ value }) => value)
const updatedValues = updatedColumns.map(({ value }) => value)

const parkedAt = updatedColumns.findIndex(({ name }) => name === 'parked')

/** A set of columns is a sum of powers of two. Bitwise operators would alias the 33rd column to the first. */
const bits = jobColumns.map((_, i) => 2 ** i)
const bit = (i: number): number => bits[i] as number
const has = (set: number, i: number): boolean => Math.floor(set / bit(i)) % 2 === 1

const tuple = (names: string[]) => `(${names.map(() => '?')})`
const insert = (names: string[]) => `INSERT INTO jobs (${names}) VALUES ${tuple(names)}`
const inserting = statements(jobColumns, insert)
const insertingOnce = statements(jobColumns, (names) => `${insert(names)} ON CONFLICT (id) DO NOTHING`)

/** Rows of one statement. More save little, and a statement is prepared for this number only. */
const together = 8
// OR FAIL: `Connection` rolls back the whole transaction on failure, so SQLite need not keep a statement journal.
const insertingTogether = statements(
  jobColumns,
  (names) => `INSERT OR FAIL INTO jobs (${names}) VALUES ${Array(together).fill(tuple(names))}`,
)

/** Omits null columns, which are half of a new job. */
function row(job: Job): { set: number; values: Parameter[] } {
  const values: Parameter[] = []
  let set = 0
  for (let i = 0; i < jobColumns.length; i++) {
    const value = (jobValues[i] as Column['value'])(job)
    if (value === null) continue
    values.push(value)
    set += bit(i)
  }
  return { set, values }
}

/** Does nothing if the id already exists. */
export function insertionOnce(job: Job): Write {
  const { set, values } = row(job)
  return { text: insertingOnce(set), values }
}

export function insertions(jobs: readonly Job[]): Write[] {
  const writes: Write[] = []
  const rows = jobs.map(row)
  for (let i = 0; i < rows.length; ) {
    const { set, values } = rows[i] as (typeof rows)[number]
    const group = rows.slice(i, i + together)
    if (group.length === together && group.every((one) => one.set === set)) {
      writes.push({ text: insertingTogether(set), values: group.flatMap((one) => one.values) })
      i += together
    } else {
      writes.push({ text: inserting(set), values })
      i++
    }
  }
  return writes
}

// A renewal does not change the version, so the stored lease may be later than ours: the later one wins. An ended lease
// becomes null: `max` of null is null.
const assign = (name: string) =>
  name === 'lease_until' ? 'lease_until = max(?, coalesce(lease_until, 0))' : `${name} = ?`
const updating = statements(
  updatedColumns,
  (names) => `UPDATE jobs SET ${names.map(assign)} WHERE id = ? AND version = ?`,
)

/**
 * Compare-and-swap by version. Omits unchanged columns, so that SQLite does not touch indexes that contain none of the
 * others.
 */
export function update(before: Job, after: Job): Write {
  const values: Parameter[] = []
  let set = 0
  for (let i = 0; i < updatedColumns.length; i++) {
    const of = updatedValues[i] as Column['value']
    const value = of(after)
    // An admission changes `parked` without a new version.
    if (value === of(before) && (i !== parkedAt || before.limitKey === null)) continue
    values.push(value)
    set += bit(i)
  }
  values.push(before.id, before.version)
  return { text: updating(set), values }
}
