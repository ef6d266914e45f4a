import { allOwners, type Owner } from '../port.ts'
import { jobLogKind } from '../records.ts'
import type { Sql } from './connection.ts'
import { firstPlace, isFoundById } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import type { DatabaseTime } from './time.ts'

const goneIds = 'ANY(ARRAY(SELECT id FROM gone))'
/** Deletes the jobs that the subquery `gone` selects, with all that belongs to them, and counts them. */
const deleteGone = `
  ended_attempts AS (DELETE FROM uketsuke.attempts WHERE job_id = ${goneIds}),
  fragments AS (DELETE FROM uketsuke.fragments WHERE job_id = ${goneIds}),
  log AS (DELETE FROM uketsuke.records WHERE kind = '${jobLogKind}' AND id = ${goneIds}),
  unique_keys AS (DELETE FROM uketsuke.unique_keys WHERE job_id = ${goneIds}),
  outcomes AS (DELETE FROM uketsuke.ended WHERE id = ${goneIds}),
  deleted AS (DELETE FROM uketsuke.accepted WHERE id = ${goneIds} RETURNING id)
  SELECT count(*) AS n FROM deleted`

/** A job is kept while a delivery of it has not ended. */
const delivered = `NOT EXISTS (
  SELECT FROM uketsuke.accepted AS delivery WHERE delivery.parent = ended.id
    AND NOT EXISTS (SELECT FROM uketsuke.ended AS outcome WHERE outcome.id = delivery.id))`

/**
 * Removes a terminal job with its attempts and deliveries. With `maybeCommitted`, an absent job counts as removed by an
 * earlier try.
 */
export async function remove(sql: Sql, owner: Owner, id: string, maybeCommitted: boolean): Promise<boolean> {
  const [row] = await sql.query(
    `WITH mine AS (
       SELECT id FROM uketsuke.ended WHERE id = $1
         AND EXISTS (SELECT FROM uketsuke.accepted WHERE id = $1 AND ($2::text IS NULL OR owner = $2)) FOR UPDATE
     ), gone AS (
       SELECT id FROM mine UNION SELECT accepted.id FROM uketsuke.accepted JOIN mine ON accepted.parent = mine.id
     ), first_places AS (
       DELETE FROM uketsuke.pending WHERE ctid = ANY(ARRAY(
         SELECT found.place FROM gone JOIN uketsuke.accepted AS place ON place.id = gone.id,
           LATERAL (SELECT ctid AS place FROM uketsuke.pending AS old WHERE ${firstPlace} LIMIT 1) AS found))
     ), later_places AS (DELETE FROM uketsuke.pending WHERE ${isFoundById('pending')} AND id = ${goneIds}
     ), attempts_now AS (DELETE FROM uketsuke.running WHERE id = ${goneIds}),
     ${deleteGone}`,
    [id, owner === allOwners ? null : owner],
  )
  if (Number(row?.n) > 0 || !maybeCommitted) return Number(row?.n) > 0
  return (await sql.query('SELECT FROM uketsuke.accepted WHERE id = $1', [id])).length === 0
}

/** Skips rows that another process is pruning at the same time. */
export async function prune(sql: Sql, time: DatabaseTime, limit: number): Promise<number> {
  const parameters = new Parameters()
  const [now, most] = [time.now(parameters), parameters.add(limit)]
  const [row] = await sql.query(
    `WITH gone AS (
       SELECT id FROM uketsuke.ended WHERE expires_at <= ${now} AND ${delivered} ORDER BY expires_at LIMIT ${most} FOR UPDATE SKIP LOCKED
     ), keys AS (
       DELETE FROM uketsuke.idempotency_keys WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM uketsuke.idempotency_keys WHERE expires_at <= ${now} LIMIT ${most} FOR UPDATE SKIP LOCKED))
     ), ${deleteGone}`,
    parameters.values,
  )
  return Number(row?.n)
}

export const endedIndex = {
  name: 'ended_by_type',
  statement: "CREATE INDEX IF NOT EXISTS ended_by_type ON uketsuke.ended (type, id) WHERE queue = 'jobs'",
  for: 'maxKept',
}

/** Like `prune`, beyond the `kept` newest jobs of a type. */
export async function pruneType(sql: Sql, type: string, kept: number, limit: number): Promise<number> {
  const mine = "FROM uketsuke.ended WHERE type = $1 AND queue = 'jobs'"
  const [row] = await sql.query(
    `WITH gone AS (
       SELECT id ${mine} AND id <= (SELECT id ${mine} ORDER BY id DESC LIMIT 1 OFFSET $2) AND ${delivered}
       ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
     ), ${deleteGone}`,
    [type, kept, limit],
  )
  return Number(row?.n)
}
