import type { Fragment, FragmentQuery, NewFragment } from '../fragments.ts'
import { allOwners } from '../owner.ts'
import type { Sql } from './connection.ts'

const held = "SELECT 1 FROM jobs WHERE id = ? AND status = 'running' AND attempt = ? AND worker = ?"
const exists = 'SELECT 1 FROM jobs WHERE id = ?'

export function addFragment(sql: Sql, { lease: { id, attempt, worker }, kind, key, value }: NewFragment): boolean {
  const found = worker === null ? sql.get(exists, id) : sql.get(held, id, attempt, worker)
  if (found === undefined) return false
  const insert = 'INSERT INTO fragments (job_id, kind, key, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'
  sql.run(insert, id, kind, key, value)
  return true
}

export function fragments(sql: Sql, { owner, jobId, kind, after, descending, limit }: FragmentQuery): Fragment[] {
  const mine = owner === allOwners ? '' : 'AND EXISTS (SELECT 1 FROM jobs WHERE id = job_id AND owner = ?)'
  const text = `SELECT kind, key, value FROM fragments WHERE job_id = ? AND kind = ? AND key > ? ${mine} ORDER BY key ${descending === true ? 'DESC' : ''} LIMIT ?`
  const whose = owner === allOwners ? [] : [owner]
  return sql.all(text, jobId, kind, after ?? '', ...whose, limit).map((row) => ({ ...row }) as unknown as Fragment)
}
