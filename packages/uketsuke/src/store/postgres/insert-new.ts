import type { Job } from '../../domain/job.ts'
import { asked, names } from './rows.ts'

const place = 'rank, run_at, priority, type, id, owner'

/** What few jobs have: a batch without it sends fewer arrays. */
const rare: ReadonlySet<string> = new Set(['limit_key', 'batch'])
const common = asked.filter(([name]) => !rare.has(name))
export const hasRare = ({ limitKey, batch }: Job): boolean => limitKey !== null || batch !== null
/** The columns of new jobs, of which some have a key or belong to a batch if `limited`. */
export const askedOf = (limited: boolean): typeof asked => (limited ? asked : common)

/** Where a job with a key waits until it is admitted: the queue of its row in `pending`. */
export const parked = 'parked'
export const waitingQueue = ({ queue, limitKey }: Job): string => (limitKey === null ? queue : parked)

/**
 * New jobs, as parts of a WITH clause: what was asked, and their place among the pending jobs. `from` selects the columns `asked` from rows
 * called `new`, without `rare` ones unless `limited`: some have a key or belong to a batch. `rank` is their rank.
 */
export function insertNew(from: string, rank: string, limited: boolean, onConflict = ''): string {
  const columns = names(askedOf(limited).filter(([name]) => name !== 'rank'))
  const accepted = `accepted AS (
     INSERT INTO uketsuke.accepted (${columns}, rank) SELECT ${columns}, ${rank} FROM ${from} ${onConflict}
     RETURNING ${place}, queue, limit_key
   )`
  if (!limited)
    return `${accepted}, waiting AS (
     INSERT INTO uketsuke.pending (${place}, queue, version, attempt) SELECT ${place}, queue, 1, 0 FROM accepted
   )`
  return `${accepted}, waiting AS (
     INSERT INTO uketsuke.pending (${place}, limit_key, queue, version, attempt)
     SELECT ${place}, limit_key, CASE WHEN limit_key IS NULL THEN queue ELSE '${parked}' END, 1, 0 FROM accepted
   ), marks AS (
     INSERT INTO uketsuke.limit_marks (type, look_at, key) SELECT DISTINCT type, run_at, limit_key FROM accepted WHERE limit_key IS NOT NULL
   )`
}

/** Whether the row `old` of `pending` has the key with which the job `place` was accepted. Not for jobs with a limit key. */
export const firstPlace =
  '(old.queue, old.priority, old.type, old.rank, old.id) = (place.queue, place.priority, place.type, place.rank, place.id)'

/** Whether a row of `pending` is found by its id. */
export const isFoundById = (row: string): string => `(${row}.version > 1 OR ${row}.limit_key IS NOT NULL)`
