import { allOwners, type Owner } from '../port.ts'
import type { StoredRecord } from '../records.ts'
import type { Row, Sql } from './connection.ts'
import type { Parameter } from './open.ts'

const select = 'SELECT kind, id, owner, version, value FROM records WHERE kind = ?'
const toRecord = (row: Row): StoredRecord => ({ ...row }) as unknown as StoredRecord
const owned = (owner: Owner): [string, Parameter[]] => (owner === allOwners ? ['', []] : ['AND owner = ?', [owner]])

export function getRecord(sql: Sql, kind: string, owner: Owner, id: string): StoredRecord | null {
  const [mine, whose] = owned(owner)
  const row = sql.get(`${select} AND id = ? ${mine}`, kind, id, ...whose)
  return row === undefined ? null : toRecord(row)
}

export function listRecords(sql: Sql, kind: string, owner: Owner, after: string | null, limit: number): StoredRecord[] {
  const [mine, whose] = owned(owner)
  return sql.all(`${select} AND id > ? ${mine} ORDER BY id LIMIT ?`, kind, after ?? '', ...whose, limit).map(toRecord)
}

export function putRecord(sql: Sql, { kind, id, owner, version, value }: StoredRecord): boolean {
  if (version === 1) {
    const insert = 'INSERT INTO records (kind, id, owner, version, value) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING'
    return sql.run(insert, kind, id, owner, value) === 1
  }
  const update = 'UPDATE records SET version = ?, value = ? WHERE kind = ? AND id = ? AND owner = ? AND version = ?'
  return sql.run(update, version, value, kind, id, owner, version - 1) === 1
}

export function removeRecord(sql: Sql, kind: string, owner: Owner, id: string): boolean {
  const [mine, whose] = owned(owner)
  return sql.run(`DELETE FROM records WHERE kind = ? AND id = ? ${mine}`, kind, id, ...whose) === 1
}
