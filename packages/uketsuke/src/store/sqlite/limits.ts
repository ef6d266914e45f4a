import { type Job, rankAt } from '../../domain/job.ts'
import { mustYield } from '../../domain/limits.ts'
import type { AdmissionRule, LimitKey } from '../port.ts'
import { parked } from './backlog.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'
import { selectedColumns, toJob } from './rows.ts'

/** Marks the key of a job: from these times on, there may be room for a parked job. */
export function mark(sql: Sql, { type, limitKey }: Job, times: readonly number[]): void {
  for (const at of times)
    sql.run('INSERT OR IGNORE INTO limit_marks (type, look_at, key) VALUES (?, ?, ?)', type, at, limitKey)
}

export const keysWithRoom = (sql: Sql, types: readonly string[], now: number, limit: number): LimitKey[] =>
  types.flatMap(
    (type) =>
      sql.all(
        'SELECT DISTINCT key, type FROM (SELECT key, type FROM limit_marks WHERE type = ? AND look_at <= ? LIMIT ?)',
        ...[type, now, limit],
      ) as unknown as LimitKey[],
  )

const unfinished = 'FROM jobs INDEXED BY jobs_limited WHERE limit_key = ? AND completed_at IS NULL'
/** Counts beyond it would allow no admission either. */
const countable = 100_000

export function admit(sql: Sql, keys: readonly LimitKey[], rule: AdmissionRule, now: number): Job[] {
  return keys.flatMap(({ type, key }) => {
    sql.run('DELETE FROM limit_marks WHERE key = ? AND look_at <= ?', key, now)
    const withdrawn = withdraw(sql, key, now)
    const state = (sql.get('SELECT state FROM key_states WHERE key = ?', key)?.state ?? null) as string | null
    const count = (condition: string) =>
      Number(sql.get(`SELECT count(*) AS n FROM (SELECT 1 ${unfinished} AND ${condition} LIMIT ${countable})`, key)?.n)
    const facts = {
      state,
      ready: count("status = 'pending' AND parked IS NULL"),
      withdrawn,
      running: count("status = 'running'"),
    }
    const step = rule(type, facts, now)
    const first = (priority: string, room: number) => {
      if (room === 0) return []
      const rows = `SELECT rowid ${unfinished} AND status = 'pending' AND parked = 1 AND priority = '${priority}' AND rank <= ? ORDER BY rank, id LIMIT ?`
      return sql.tuples(
        `UPDATE OR FAIL jobs SET parked = NULL WHERE rowid IN (${rows}) RETURNING ${selectedColumns}`,
        ...[key, rankAt(now), room],
      )
    }
    const high = first('high', step.room)
    const admitted = [...high, ...first('normal', step.room - high.length)].map(toJob)
    const after = step.after(admitted.length)
    if (after.state !== null) sql.run('INSERT OR REPLACE INTO key_states (key, state) VALUES (?, ?)', key, after.state)
    else if (state !== null) sql.run('DELETE FROM key_states WHERE key = ?', key)
    if (after.again !== null)
      sql.run('INSERT OR IGNORE INTO limit_marks (type, look_at, key) VALUES (?, ?, ?)', type, after.again, key)
    return admitted
  })
}

/** Parks the ready jobs of a key if they must yield. Returns their number. */
function withdraw(sql: Sql, key: string, now: number): number {
  const ready = `${unfinished} AND status = 'pending' AND parked IS NULL`
  const place = (rows: string, ...parameters: Parameter[]) =>
    (sql.get(`SELECT priority, rank ${rows} LIMIT 1`, key, ...parameters) ?? null) as Pick<
      Job,
      'priority' | 'rank'
    > | null
  const first = (priority: string) =>
    place(
      `${unfinished} AND status = 'pending' AND parked = 1 AND priority = '${priority}' AND rank <= ? ORDER BY rank`,
      rankAt(now),
    )
  if (!mustYield(place(`${ready} ORDER BY priority DESC, rank DESC`), first('high') ?? first('normal'))) return 0
  return sql.run(`UPDATE OR FAIL jobs SET parked = 1 WHERE rowid IN (SELECT rowid ${ready})`, key)
}

export function markKeys(sql: Sql, types: readonly string[], now: number): void {
  for (const type of types)
    sql.run(
      `INSERT OR IGNORE INTO limit_marks (type, look_at, key)
       SELECT DISTINCT type, CASE WHEN run_at <= ? THEN 0 ELSE run_at END, limit_key FROM ${parked} AND type = ?`,
      now,
      type,
    )
}
