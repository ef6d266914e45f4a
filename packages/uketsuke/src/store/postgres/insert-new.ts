import { asked, names } from './rows.ts'

const columns = names(asked)
const place = 'due_at, run_at, queue, priority, type, id, owner'

/**
 * New jobs, as parts of a WITH clause: what was asked, and their place among the pending jobs. `from` selects the columns `asked` from rows
 * called `new`; `due` is when they are due.
 */
export const insertNew = (from: string, due: string, onConflict = ''): string =>
  `accepted AS (
     INSERT INTO uketsuke.accepted (${columns}, due_at) SELECT ${columns}, ${due} FROM ${from} ${onConflict} RETURNING ${place}
   ), waiting AS (
     INSERT INTO uketsuke.pending (${place}, version, attempt) SELECT ${place}, 1, 0 FROM accepted
   )`

/** Whether the row `old` of `pending` has the key with which the job `place` was accepted. */
export const firstPlace =
  '(old.queue, old.priority, old.type, old.due_at, old.id) = (place.queue, place.priority, place.type, place.due_at, place.id)'
