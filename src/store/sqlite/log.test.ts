import { mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connection } from './connection.ts'
import { Log } from './log.ts'
import { open } from './open.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'uketsuke-log-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function database(name: string): Promise<Connection> {
  const db = new Connection(await open(join(folder, name)))
  await db.read((sql) => sql.get('PRAGMA journal_mode = WAL'))
  await db.write((sql) => sql.script('CREATE TABLE t (n INTEGER)'))
  return db
}

const insert = (db: Connection, n: number, options = {}) =>
  db.write((sql) => sql.run('INSERT INTO t (n) VALUES (?)', n), options)

/** A log that says when it was asked to sync, and is done when it is told. */
class Slow extends Log {
  asked: (() => void)[] = []
  override sync(): Promise<void> {
    return new Promise((resolve) => this.asked.push(resolve))
  }
}

const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('a write resolves when it is on the disk, one that only has to be committed before that', async () => {
  const db = await database('order.db')
  const log = new Slow(openSync(join(folder, 'order.db-wal'), 'r+'))
  db.keptBy(log)
  const order: string[] = []
  const writes = [
    insert(db, 1).then(() => order.push('on disk')),
    insert(db, 2, { soon: true }).then(() => order.push('committed')),
  ]
  await turns()
  expect(order).toEqual(['committed'])
  expect(await db.read((sql) => sql.tuples('SELECT n FROM t ORDER BY n'))).toEqual([[1], [2]])
  expect(log.asked.length).toBe(1)
  log.asked[0]?.()
  await Promise.all(writes)
  expect(order).toEqual(['committed', 'on disk'])

  await insert(db, 3, { soon: true })
  expect(log.asked.length).toBe(1)
  await db.close()
})

test('each sync that is waited for begins after the commit, and those of one time share it', async () => {
  const db = await database('shared.db')
  const log = Log.open(join(folder, 'shared.db'))
  if (log === null) throw new Error('the log was not opened')
  const [first, second, third] = [log.sync(), log.sync(), log.sync()]
  expect(second).not.toBe(first)
  expect(third).toBe(second)
  const order: string[] = []
  await Promise.all([
    second.then(() => order.push('second')),
    first.then(() => order.push('first')),
    log.room().then(() => order.push('room')),
  ])
  expect(order).toEqual(['first', 'room', 'second'])
  await log.close()
  await db.close()
})

test('nothing is accepted any more once the disk has refused a commit', async () => {
  const db = await database('refused.db')
  // A file that can be opened and not synced.
  db.keptBy(new Log(openSync('/dev/null', 'r')))
  const refusal = { code: 'temporarily-unavailable', cause: { code: 'EINVAL' } }
  await expect(insert(db, 1)).rejects.toMatchObject(refusal)
  await expect(insert(db, 2)).rejects.toMatchObject(refusal)
  await expect(insert(db, 3, { soon: true })).rejects.toMatchObject(refusal)
  expect(await db.read((sql) => sql.tuples('SELECT n FROM t'))).toEqual([[1]])
  await db.close()
})

test('the log is found behind a symbolic link, and its absence is no error', async () => {
  const db = await database('real.db')
  symlinkSync(join(folder, 'real.db'), join(folder, 'link.db'))
  const log = Log.open(join(folder, 'link.db'))
  await expect(log?.sync()).resolves.toBeUndefined()
  await log?.close()
  await db.close()
  expect(Log.open(join(folder, 'nothing.db'))).toBeNull()
})
