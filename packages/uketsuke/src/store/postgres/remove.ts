import { allOwners, type Owner } from '../port.ts'
import { jobLogKind } from '../records.ts'
import type { Sql } from './connection.ts'
import { Parameters } from './parameters.ts'
import type { DatabaseTime } from './time.ts'

/**
 * Removes a terminal job with its attempts and deliveries. With `maybeCommitted`, an absent job counts as removed by an
 * earlier try.
 */
export async function remove(sql: Sql, owner: Owner, id: string, maybeCommitted: boolean): Promise<boolean> {
  const rows = await sql.query(
    `WITH ended AS (
       SELECT id FROM uketsuke.jobs
       WHERE id = $1 AND completed_at IS NOT NULL AND ($2::text IS NULL OR owner = $2) FOR UPDATE
     ), gone AS (
       SELECT id FROM ended UNION SELECT jobs.id FROM uketsuke.jobs JOIN ended ON jobs.parent = ended.id
     ), ended_attempts AS (DELETE FROM uketsuke.attempts WHERE job_id IN (SELECT id FROM gone)
     ), log AS (DELETE FROM uketsuke.records WHERE kind = '${jobLogKind}' AND id IN (SELECT id FROM gone))
     DELETE FROM uketsuke.jobs WHERE id IN (SELECT id FROM gone) RETURNING id`,
    [id, owner === allOwners ? null : owner],
  )
  if (rows.length > 0 || !maybeCommitted) return rows.length > 0
  return (await sql.query('SELECT FROM uketsuke.jobs WHERE id = $1', [id])).length === 0
}

/** Skips rows that another process is pruning at the same time. */
export async function prune(sql: Sql, time: DatabaseTime, limit: number): Promise<number> {
  const parameters = new Parameters()
  const [now, most] = [time.now(parameters), parameters.add(limit)]
  const [row] = await sql.query(
    `WITH gone AS (
       SELECT id FROM uketsuke.jobs
       WHERE expires_at <= ${now} AND NOT EXISTS (
         SELECT FROM uketsuke.jobs AS delivery WHERE delivery.parent = jobs.id AND delivery.completed_at IS NULL)
       ORDER BY expires_at LIMIT ${most} FOR UPDATE SKIP LOCKED
     ), ended_attempts AS (DELETE FROM uketsuke.attempts WHERE job_id IN (SELECT id FROM gone)
     ), log AS (DELETE FROM uketsuke.records WHERE kind = '${jobLogKind}' AND id IN (SELECT id FROM gone)
     ), keys AS (
       DELETE FROM uketsuke.idempotency_keys WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM uketsuke.idempotency_keys WHERE expires_at <= ${now} LIMIT ${most} FOR UPDATE SKIP LOCKED))
     ), pruned AS (DELETE FROM uketsuke.jobs WHERE id IN (SELECT id FROM gone) RETURNING id)
     SELECT count(*) AS n FROM pruned`,
    parameters.values,
  )
  return Number(row?.n)
}
