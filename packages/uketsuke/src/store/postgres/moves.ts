import { type Change, isTerminal, type Job } from '../../domain/job.ts'
import { firstPlace, isFoundById, parked, waitingQueue } from './insert-new.ts'
import type { Parameters } from './parameters.ts'
import { type ArrayColumn, columnsOf, ended, names, sameId } from './rows.ts'
import type { DatabaseTime } from './time.ts'

const ofAfter = (columns: readonly ArrayColumn<Job>[]) =>
  columns.map(([name, type, value]) => [name, type, ({ after }: Change) => value(after)] as const)
const expected: ArrayColumn<Change> = ['expected', 'int', ({ before }) => before.version]

/** What may change while a job goes on running. */
const onward = [...ofAfter(columnsOf('id version progress progress_message cancel_requested_at lease_until')), expected]

const waiting: readonly ArrayColumn<Job>[] = [
  ...columnsOf(
    'id run_at priority type owner limit_key version attempt started_at progress progress_message last_error rank',
  ),
  ['queue', 'text', waitingQueue],
]
/** The rank depends on the database's time. */
const placed = names(waiting.filter(([name]) => name !== 'rank'))
const delayed = [...ofAfter(columnsOf('id version run_at rank input')), expected]
/** Puts off the jobs that `from` has removed from `pending`, and replaces their inputs. */
const putOff = (from: string, parameters: Parameters, time: DatabaseTime) => `${from}_again AS (
       INSERT INTO uketsuke.pending (rank, ${placed}) SELECT ${time.rankOfNew(parameters)}, ${placed} FROM ${from} AS new
     ), ${from}_inputs AS (
       UPDATE uketsuke.accepted SET input = new.input FROM ${from} AS new WHERE ${sameId('accepted.id', 'new.id')}
     )`
const putOffColumns = `new.id, new.version, new.run_at, new.rank, new.input, CASE WHEN old.limit_key IS NULL THEN old.queue ELSE '${parked}' END AS queue,
  old.limit_key, old.priority, old.type, old.owner, old.attempt, old.started_at, old.progress, old.progress_message, old.last_error`

/** The columns of the attempt that a change ends. */
const logged = ended.map(
  ([name, type, value]) => [`ended_${name}`, type, ({ attempt }: Change) => attempt && value(attempt)] as const,
)
const returning = [...ofAfter(waiting), expected, ...logged]

/** What the end of a job decides. The rest stays as it was. */
const outcome = columnsOf(
  'id version status progress progress_message last_error error output files completed_at expires_at',
)
const ending = [...ofAfter(outcome), expected]
const decided = outcome.map(([name]) => `new.${name}`).join(', ')
/** Stores the jobs that `from` has removed from their table. */
const insertEnded = (from: string, kept: string) =>
  `INSERT INTO uketsuke.ended (${names(outcome)}, ${kept}) SELECT ${names(outcome)}, ${kept} FROM ${from}`

const isExpected = `${sameId('old.id', 'new.id')} AND old.version = new.expected`

/** Finds rows of `pending` by their places. Only an admission moves such a row; then the change is tried again. */
const isAt = (condition: string) =>
  `LATERAL (SELECT ctid AS place FROM uketsuke.pending AS old WHERE ${condition} LIMIT 1) AS found
   WHERE old.ctid = found.place AND old.version = new.expected`

const byId = `old.id = new.id AND ${isFoundById('old')}`

/**
 * How the rows of a batch of changes move, as parts of a WITH clause. The part called like the move returns their ids. Whoever deletes the
 * row of a state first has swapped the job.
 */
export const moves = {
  /** Running, and still running. */
  kept: (parameters: Parameters, changes: readonly Change[]) =>
    `kept AS (
       UPDATE uketsuke.running AS old SET version = new.version, progress = new.progress, progress_message = new.progress_message,
         cancel_requested_at = new.cancel_requested_at, lease_until = greatest(new.lease_until, old.lease_until)
       FROM ${parameters.rows('new', onward, changes)} WHERE ${isExpected} RETURNING old.id
     )`,
  /** From running to pending. */
  returned: (parameters: Parameters, changes: readonly Change[], time: DatabaseTime) =>
    `returned AS (
       DELETE FROM uketsuke.running AS old USING ${parameters.rows('new', returning, changes)}
       WHERE ${isExpected} RETURNING new.*
     ), logged AS (
       INSERT INTO uketsuke.attempts (job_id, version, ${names(ended)})
       SELECT id, version, ${names(logged)} FROM returned WHERE ended_outcome IS NOT NULL
     ), waits AS (
       INSERT INTO uketsuke.pending (rank, ${placed}) SELECT ${time.rankOfNew(parameters)}, ${placed} FROM returned AS new
     )`,
  /** From running to its end. */
  ended: (parameters: Parameters, changes: readonly Change[]) =>
    `ended AS (
       DELETE FROM uketsuke.running AS old USING ${parameters.rows('new', ending, changes)} WHERE ${isExpected}
       RETURNING ${decided}, old.queue, old.type, old.attempt, old.run_at, old.started_at, old.cancel_requested_at, old.worker
     ), ends AS (${insertEnded('ended', 'queue, type, attempt, run_at, started_at, cancel_requested_at, worker')})`,
  /** Ended before its first attempt: such a job has the place that it was accepted with. */
  dropped: (parameters: Parameters, changes: readonly Change[]) =>
    `dropped AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', ending, changes)} JOIN uketsuke.accepted AS place ON ${sameId('place.id', 'new.id')},
         ${isAt(firstPlace)}
       RETURNING ${decided}, old.queue, old.type, old.attempt, old.run_at
     ), drops AS (${insertEnded('dropped', 'queue, type, attempt, run_at')})`,
  /** Ended while it waited for a further attempt, or with a limit key. */
  abandoned: (parameters: Parameters, changes: readonly Change[]) =>
    `abandoned AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', ending, changes)}, ${isAt(byId)}
       RETURNING ${decided}, CASE WHEN old.limit_key IS NULL THEN old.queue ELSE 'jobs' END AS queue, old.type, old.attempt, old.run_at, old.started_at
     ), abandons AS (${insertEnded('abandoned', 'queue, type, attempt, run_at, started_at')})`,
  /** Still pending, before any other change, and without a limit key. */
  delayed: (parameters: Parameters, changes: readonly Change[], time: DatabaseTime) =>
    `delayed AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', delayed, changes)} JOIN uketsuke.accepted AS place ON ${sameId('place.id', 'new.id')},
         ${isAt(firstPlace)}
       RETURNING ${putOffColumns}
     ), ${putOff('delayed', parameters, time)}`,
  /** Still pending, after an earlier change or with a limit key. */
  delayedAgain: (parameters: Parameters, changes: readonly Change[], time: DatabaseTime) =>
    `delayedAgain AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', delayed, changes)}, ${isAt(byId)}
       RETURNING ${putOffColumns}
     ), ${putOff('delayedAgain', parameters, time)}`,
}
export type Move = keyof typeof moves

export function moveOf({ before, after }: Change): Move {
  if (before.status === 'running') return isTerminal(after) ? 'ended' : after.status === 'running' ? 'kept' : 'returned'
  const byId = before.version > 1 || before.limitKey !== null
  if (isTerminal(after)) return byId ? 'abandoned' : 'dropped'
  return byId ? 'delayedAgain' : 'delayed'
}
