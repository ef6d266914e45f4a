import { isDeepStrictEqual } from 'node:util'
import type { Change, Job, Lease } from '../../domain/job.ts'
import { isTerminal } from '../../domain/job.ts'
import { encodeText } from '../text-encoding.ts'
import type { Sql } from './connection.ts'
import { firstPlace, insertNew } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import { get } from './queries.ts'
import { type ArrayColumn, asked, columnsOf, ended, names } from './rows.ts'
import type { DatabaseTime } from './time.ts'

const ofAfter = (columns: readonly ArrayColumn<Job>[]) =>
  columns.map(([name, type, value]) => [name, type, ({ after }: Change) => value(after)] as const)
const expected: ArrayColumn<Change> = ['expected', 'int', ({ before }) => before.version]

/** What a running job may have changed while it goes on running. */
const onward = [
  ...ofAfter(columnsOf('id', 'version', 'progress', 'progress_message', 'cancel_requested_at', 'lease_until')),
  expected,
]

const again = columnsOf(
  'id',
  'run_at',
  'queue',
  'priority',
  'type',
  'owner',
  'version',
  'attempt',
  'started_at',
  'progress',
  'progress_message',
  'last_error',
)
/** The columns of the attempt that a change ends. */
const logged = ended.map(
  ([name, type, value]) => [`ended_${name}`, type, ({ attempt }: Change) => attempt && value(attempt)] as const,
)
const waiting = [...ofAfter(again), expected, ...logged]

/** What the end of a job decides. The rest stays as it was. */
const outcome = columnsOf(
  'id',
  'version',
  'status',
  'progress',
  'progress_message',
  'last_error',
  'error',
  'output',
  'completed_at',
  'expires_at',
)
const ending = [...ofAfter(outcome), expected]
const decided = outcome.map(([name]) => `new.${name}`).join(', ')
/** Stores the jobs that `from` has removed from their table. */
const insertEnded = (from: string, kept: string) =>
  `INSERT INTO uketsuke.ended (${names(outcome)}, ${kept}) SELECT ${names(outcome)}, ${kept} FROM ${from} RETURNING id`

/**
 * The parts of a WITH clause that swap the rows of one kind of change. The last one, called like the kind, returns the ids. A row is
 * deleted from one table and inserted into the next: whoever deletes it first has swapped it.
 */
const kinds = {
  stays: (parameters: Parameters, _time: DatabaseTime, changes: readonly Change[]) => `stays AS (
    UPDATE uketsuke.running AS old SET version = new.version, progress = new.progress, progress_message = new.progress_message,
      cancel_requested_at = new.cancel_requested_at, lease_until = greatest(new.lease_until, old.lease_until)
    FROM ${parameters.rows('new', onward, changes)} WHERE old.id = new.id AND old.version = new.expected RETURNING old.id)`,
  returns: (parameters: Parameters, time: DatabaseTime, changes: readonly Change[]) => `returned AS (
    DELETE FROM uketsuke.running AS old USING ${parameters.rows('new', waiting, changes)}
    WHERE old.id = new.id AND old.version = new.expected RETURNING new.*
  ), logged AS (
    INSERT INTO uketsuke.attempts (job_id, version, ${names(ended)}) SELECT id, version, ${names(logged)} FROM returned WHERE ended_outcome IS NOT NULL
  ), returns AS (
    INSERT INTO uketsuke.pending (due_at, ${names(again)}) SELECT ${time.due(parameters)}, ${names(again)} FROM returned AS new RETURNING id)`,
  ends: (parameters: Parameters, _time: DatabaseTime, changes: readonly Change[]) => `left_running AS (
    DELETE FROM uketsuke.running AS old USING ${parameters.rows('new', ending, changes)}
    WHERE old.id = new.id AND old.version = new.expected
    RETURNING ${decided}, old.queue, old.type, old.attempt, old.run_at, old.started_at, old.cancel_requested_at, old.worker
  ), ends AS (${insertEnded('left_running', 'queue, type, attempt, run_at, started_at, cancel_requested_at, worker')})`,
  /** Before its first attempt, a job has the place that it was accepted with. */
  never_starts: (parameters: Parameters, _time: DatabaseTime, changes: readonly Change[]) => `never_started AS (
    DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', ending, changes)} JOIN uketsuke.accepted AS place ON place.id = new.id
    WHERE ${firstPlace} AND old.version = new.expected
    RETURNING ${decided}, old.queue, old.type, old.attempt, old.run_at
  ), never_starts AS (${insertEnded('never_started', 'queue, type, attempt, run_at')})`,
  gives_up: (parameters: Parameters, _time: DatabaseTime, changes: readonly Change[]) => `gave_up AS (
    DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', ending, changes)}
    WHERE old.id = new.id AND old.version > 1 AND old.version = new.expected
    RETURNING ${decided}, old.queue, old.type, old.attempt, old.run_at, old.started_at
  ), gives_up AS (${insertEnded('gave_up', 'queue, type, attempt, run_at, started_at')})`,
}
type Kind = keyof typeof kinds

function kindOf({ before, after }: Change): Kind {
  if (before.status === 'running') return isTerminal(after) ? 'ends' : after.status === 'running' ? 'stays' : 'returns'
  return before.version > 1 ? 'gives_up' : 'never_starts'
}

/**
 * Compare-and-swap by version in one statement, including the spawned jobs and ended attempts of the swapped rows. Rows
 * are locked in id order, so that concurrent batches with the same ids wait for one another without a deadlock.
 */
export async function replace(
  sql: Sql,
  time: DatabaseTime,
  changes: readonly Change[],
  maybeCommitted: boolean,
): Promise<boolean[]> {
  if (changes.length === 0) return []
  const sorted = changes.toSorted((a, b) => (a.before.id < b.before.id ? -1 : 1))
  const parameters = new Parameters()
  // In a fixed order, so that there are few texts to prepare.
  const parts = (Object.keys(kinds) as Kind[]).flatMap((kind) => {
    const some = sorted.filter((change) => kindOf(change) === kind)
    return some.length === 0 ? [] : [{ kind, text: kinds[kind](parameters, time, some) }]
  })
  // Usually all rows are swapped; then their ids need not be returned.
  const [row] = await sql.query(
    `WITH ${parts.map(({ text }) => text).join(', ')},
     swapped AS (${parts.map(({ kind }) => `SELECT id FROM ${kind}`).join(' UNION ALL ')})${spawning(parameters, time, sorted)}
     SELECT CASE WHEN count(*) < ${parameters.add(sorted.length)}::int THEN coalesce(array_agg(id), '{}') END AS some FROM swapped`,
    parameters.values,
  )
  const some = row?.some === null ? null : new Set((row?.some ?? []) as string[])
  const results = changes.map(({ before }) => some === null || some.has(encodeText(before.id)))
  if (maybeCommitted && results.includes(false)) return settled(sql, changes, results)
  return results
}

type Spawned = Job & { cause: string }
const spawnedColumns: readonly ArrayColumn<Spawned>[] = [...asked, ['cause', 'text', (one) => one.cause]]

function spawning(parameters: Parameters, time: DatabaseTime, changes: readonly Change[]): string {
  const spawned = changes.flatMap(({ before, spawn }): Spawned[] => spawn.map((job) => ({ ...job, cause: before.id })))
  if (spawned.length === 0) return ''
  const from = `${parameters.rows('new', spawnedColumns, spawned)} WHERE (new.cause IN (SELECT id FROM swapped)) IS TRUE`
  return `, ${insertNew(from, time.due(parameters), 'ON CONFLICT (id) DO NOTHING')}`
}

/** After a try whose response was lost: a row that now equals its intended state was swapped by that try. */
async function settled(sql: Sql, changes: readonly Change[], results: readonly boolean[]): Promise<boolean[]> {
  const now = await get(
    sql,
    changes.map(({ before }) => before.id),
  )
  return changes.map(({ after }, i) => {
    const job = now[i]
    return results[i] === true || (job != null && isDeepStrictEqual({ ...job, leaseUntil: after.leaseUntil }, after))
  })
}

const held: readonly ArrayColumn<Lease>[] = [
  ['id', 'text', ({ id }) => id],
  ['attempt', 'int', ({ attempt }) => attempt],
  ['worker', 'text', ({ worker }) => worker],
]

export async function renew(
  sql: Sql,
  time: DatabaseTime,
  leases: readonly Lease[],
  leaseMs: number,
): Promise<(number | null)[]> {
  if (leases.length === 0) return []
  const sorted = leases.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const parameters = new Parameters()
  const rows = await sql.query(
    `UPDATE uketsuke.running AS job SET lease_until = ${time.now(parameters)} + ${parameters.add(leaseMs)}::bigint
     FROM ${parameters.rows('held', held, sorted)}
     WHERE job.id = held.id AND job.attempt = held.attempt AND job.worker = held.worker
     RETURNING job.id, job.attempt, job.worker, job.version`,
    parameters.values,
  )
  const versions = new Map(rows.map((row) => [key(row.id, row.attempt, row.worker), Number(row.version)]))
  return leases.map(({ id, attempt, worker }) => versions.get(key(id, attempt, worker)) ?? null)
}

const key = (...parts: unknown[]) => JSON.stringify(parts)
