import { isTerminal, type Job } from '../../domain/job.ts'
import { allOwners, type Insert, type Inserted } from '../port.ts'
import type { Sql } from './connection.ts'
import { mark } from './limits.ts'
import { get } from './queries.ts'
import { insertions, write } from './statements.ts'

/** In the order of the calls, as far as keys decide which job exists. Jobs without keys are written together. */
export function insert(sql: Sql, inserts: readonly Insert[]): Inserted[] {
  const plain: Job[] = []
  const inserted = inserts.map((one) => {
    if (one.key !== undefined || one.uniqueKey !== undefined) return insertKeyed(sql, one)
    plain.push(one.job)
    return { job: one.job, created: true, fingerprint: null }
  })
  for (const one of insertions(plain)) write(sql, one)
  for (const job of plain) markLimited(sql, job)
  return inserted
}

function markLimited(sql: Sql, job: Job): void {
  if (job.limitKey !== null) mark(sql, job, [job.runAt])
}

function insertKeyed(sql: Sql, { job, key, uniqueKey }: Insert): Inserted {
  const taken = key === undefined ? null : keyed(sql, job.owner, key.route, key.key)
  if (taken !== null) return { ...taken, created: false }
  const held = uniqueKey === undefined ? null : holder(sql, uniqueKey)
  if (key !== undefined) {
    sql.run(
      'INSERT INTO idempotency_keys (owner, route, key, fingerprint, job_id, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
      job.owner,
      key.route,
      key.key,
      key.fingerprint,
      (held ?? job).id,
      key.expiresAt,
    )
  }
  const fingerprint = key?.fingerprint ?? null
  if (held !== null) return { job: held, created: false, deduplicated: true, fingerprint }
  for (const one of insertions([job])) write(sql, one)
  markLimited(sql, job)
  if (uniqueKey !== undefined)
    sql.run('INSERT OR REPLACE INTO unique_keys (key, job_id) VALUES (?, ?)', uniqueKey, job.id)
  return { job, created: true, fingerprint }
}

/** The unfinished job that holds a unique key. */
export function holder(sql: Sql, uniqueKey: string): Job | null {
  const held = sql.get('SELECT job_id FROM unique_keys WHERE key = ?', uniqueKey)
  const job = held === undefined ? null : get(sql, allOwners, held.job_id as string)
  return job === null || isTerminal(job) ? null : job
}

export function keyed(sql: Sql, owner: string, route: string, key: string): Omit<Inserted, 'created'> | null {
  const where = 'WHERE owner = ? AND route = ? AND key = ?'
  const taken = sql.get(`SELECT job_id, fingerprint FROM idempotency_keys ${where}`, owner, route, key)
  if (taken === undefined) return null
  return { job: get(sql, allOwners, taken.job_id as string), fingerprint: taken.fingerprint as string }
}
