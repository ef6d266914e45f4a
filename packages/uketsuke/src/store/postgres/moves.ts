import { type Change, isTerminal, type Job } from '../../domain/job.ts'
import { firstPlace } from './insert-new.ts'
import type { Parameters } from './parameters.ts'
import { type ArrayColumn, columnsOf, ended, names, sameId } from './rows.ts'
import type { DatabaseTime } from './time.ts'

const ofAfter = (columns: readonly ArrayColumn<Job>[]) =>
  columns.map(([name, type, value]) => [name, type, ({ after }: Change) => value(after)] as const)
const expected: ArrayColumn<Change> = ['expected', 'int', ({ before }) => before.version]

/** What may change while a job goes on running. */
const onward = [...ofAfter(columnsOf('id version progress progress_message cancel_requested_at lease_until')), expected]

const waiting = columnsOf(
  'id run_at queue priority type owner version attempt started_at progress progress_message last_error',
)
const delayed = [...ofAfter(columnsOf('id version run_at input')), expected]
/** Puts off the jobs that `from` has removed from `pending`, and replaces their inputs. */
const putOff = (from: string, parameters: Parameters, time: DatabaseTime) => `${from}_again AS (
       INSERT INTO uketsuke.pending (due_at, ${names(waiting)}) SELECT ${time.due(parameters)}, ${names(waiting)} FROM ${from} AS new
     ), ${from}_inputs AS (
       UPDATE uketsuke.accepted SET input = new.input FROM ${from} AS new WHERE ${sameId('accepted.id', 'new.id')}
     )`
const putOffColumns =
  'new.id, new.version, new.run_at, new.input, old.queue, old.priority, old.type, old.owner, old.attempt, old.started_at, old.progress, old.progress_message, old.last_error'

/** The columns of the attempt that a change ends. */
const logged = ended.map(
  ([name, type, value]) => [`ended_${name}`, type, ({ attempt }: Change) => attempt && value(attempt)] as const,
)
const returning = [...ofAfter(waiting), expected, ...logged]

/** What the end of a job decides. The rest stays as it was. */
const outcome = columnsOf('id version status progress progress_message last_error error output completed_at expires_at')
const ending = [...ofAfter(outcome), expected]
const decided = outcome.map(([name]) => `new.${name}`).join(', ')
/** Stores the jobs that `from` has removed from their table. */
const insertEnded = (from: string, kept: string) =>
  `INSERT INTO uketsuke.ended (${names(outcome)}, ${kept}) SELECT ${names(outcome)}, ${kept} FROM ${from}`

const isExpected = `${sameId('old.id', 'new.id')} AND old.version = new.expected`

/** Finds rows of `pending` by their places: no such row ever moves. */
const isAt = (condition: string) =>
  `LATERAL (SELECT ctid AS place FROM uketsuke.pending AS old WHERE ${condition} LIMIT 1) AS found
   WHERE old.ctid = found.place AND old.version = new.expected`

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
       INSERT INTO uketsuke.pending (due_at, ${names(waiting)}) SELECT ${time.due(parameters)}, ${names(waiting)} FROM returned AS new
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
  /** Ended while it waited for a further attempt. */
  abandoned: (parameters: Parameters, changes: readonly Change[]) =>
    `abandoned AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', ending, changes)}, ${isAt('old.id = new.id AND old.version > 1')}
       RETURNING ${decided}, old.queue, old.type, old.attempt, old.run_at, old.started_at
     ), abandons AS (${insertEnded('abandoned', 'queue, type, attempt, run_at, started_at')})`,
  /** Still pending, before any other change. */
  delayed: (parameters: Parameters, changes: readonly Change[], time: DatabaseTime) =>
    `delayed AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', delayed, changes)} JOIN uketsuke.accepted AS place ON ${sameId('place.id', 'new.id')},
         ${isAt(firstPlace)}
       RETURNING ${putOffColumns}
     ), ${putOff('delayed', parameters, time)}`,
  /** Still pending, after an earlier change. */
  delayedAgain: (parameters: Parameters, changes: readonly Change[], time: DatabaseTime) =>
    `delayedAgain AS (
       DELETE FROM uketsuke.pending AS old USING ${parameters.rows('new', delayed, changes)}, ${isAt('old.id = new.id AND old.version > 1')}
       RETURNING ${putOffColumns}
     ), ${putOff('delayedAgain', parameters, time)}`,
}
export type Move = keyof typeof moves

export function moveOf({ before, after }: Change): Move {
  if (before.status === 'running') return isTerminal(after) ? 'ended' : after.status === 'running' ? 'kept' : 'returned'
  if (isTerminal(after)) return before.version > 1 ? 'abandoned' : 'dropped'
  return before.version > 1 ? 'delayedAgain' : 'delayed'
}
