import type { Fragment, FragmentQuery, NewFragment } from '../fragments.ts'
import { allOwners } from '../owner.ts'
import { encodeText } from '../text-encoding.ts'
import type { Sql } from './connection.ts'
import { Parameters } from './parameters.ts'
import type { ArrayColumn } from './rows.ts'

const columns: readonly ArrayColumn<NewFragment>[] = [
  ['id', 'text', ({ lease }) => lease.id],
  ['attempt', 'int', ({ lease }) => lease.attempt],
  ['worker', 'text', ({ lease }) => lease.worker],
  ['kind', 'text', ({ kind }) => kind],
  ['key', 'text', ({ key }) => key],
  ['value', 'text', ({ value }) => value],
]

/**
 * The lock on the row of the attempt keeps it from ending before the commit, and that on what was asked keeps the job from being removed.
 * Locked in id order, as in all batches. A repeated try finds the keys of the first, so it is the same.
 */
export async function addFragments(sql: Sql, fragments: readonly NewFragment[]): Promise<boolean[]> {
  if (fragments.length === 0) return []
  // Of two with the same key, the first counts: a statement has no order.
  const first = new Map<string, NewFragment>()
  for (const one of fragments) {
    const key = JSON.stringify([one.lease, one.kind, one.key])
    if (!first.has(key)) first.set(key, one)
  }
  const sorted = [...first.values()].sort((a, b) => (a.lease.id < b.lease.id ? -1 : 1))
  const parameters = new Parameters()
  const rows = await sql.query(
    `WITH new AS MATERIALIZED (SELECT * FROM ${parameters.rows('new', columns, sorted)}),
     held AS MATERIALIZED (
       SELECT new.* FROM new, LATERAL (SELECT FROM uketsuke.running AS job
         WHERE job.id = new.id AND job.attempt = new.attempt AND job.worker = new.worker LIMIT 1 FOR KEY SHARE) AS mine
     ), any_lease AS MATERIALIZED (
       SELECT new.* FROM new, LATERAL (SELECT FROM uketsuke.accepted AS job WHERE job.id = new.id LIMIT 1 FOR KEY SHARE) AS mine
       WHERE new.worker IS NULL
     ), present AS (TABLE held UNION ALL TABLE any_lease
     ), stored AS (
       INSERT INTO uketsuke.fragments (job_id, kind, key, value) SELECT id, kind, key, value FROM present ON CONFLICT DO NOTHING
     )
     SELECT DISTINCT id, attempt, worker FROM present`,
    parameters.values,
  )
  const present = new Set(rows.map(({ id, attempt, worker }) => keyOf(id, attempt, worker)))
  return fragments.map(({ lease: { id, attempt, worker } }) =>
    present.has(keyOf(encodeText(id), attempt, worker === null ? null : encodeText(worker))),
  )
}

const keyOf = (id: unknown, attempt: unknown, worker: unknown) =>
  JSON.stringify([id, attempt === null ? null : Number(attempt), worker])

export async function fragments(
  sql: Sql,
  { owner, jobId, kind, after, descending, limit }: FragmentQuery,
): Promise<Fragment[]> {
  const rows = await sql.query(
    `SELECT kind, key, value FROM uketsuke.fragments WHERE job_id = $1 AND kind = $2 AND key > $3
       AND ($4::text IS NULL OR EXISTS (SELECT FROM uketsuke.accepted WHERE id = $1 AND owner = $4)) ORDER BY key ${descending === true ? 'DESC' : ''} LIMIT $5`,
    [jobId, kind, after ?? '', owner === allOwners ? null : owner, limit],
  )
  return rows.map((row) => ({ ...row }) as unknown as Fragment)
}
