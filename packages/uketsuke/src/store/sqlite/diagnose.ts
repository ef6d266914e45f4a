import { statSync } from 'node:fs'
import { type Finding, longWaitMs, unclaimedFinding } from '../../base/finding.ts'
import { Connection, type Sql } from './connection.ts'
import { toOpenError } from './errors.ts'
import { applicationId, schemaVersion } from './migrations/index.ts'
import { open } from './open.ts'
import { unclaimed } from './unclaimed.ts'

/** Looks at a file without changing it; a file that is not there is not made. */
export async function diagnose(path: string): Promise<Finding[]> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    return [{ level: 'ok', message: `SQLite: there is no file "${path}" yet; the first start makes it.` }]
  }
  let db: Connection | null = null
  try {
    db = new Connection(await open(path))
    return await db.read(look)
  } catch (error) {
    const known = toOpenError(path, error)
    return [{ level: 'fail', message: `SQLite: ${known instanceof Error ? known.message : String(known)}` }]
  } finally {
    await db?.close()
  }
}

function look(sql: Sql): Finding[] {
  const pragma = (name: string) => Object.values(sql.get(`PRAGMA ${name}`) ?? {})[0]
  const found: Finding[] = []
  const say = (level: Finding['level'], message: string) => found.push({ level, message: `SQLite: ${message}` })

  say('ok', `version ${sql.get('SELECT sqlite_version() AS version')?.version}.`)
  const empty = sql.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined
  if (pragma('application_id') !== applicationId && !empty) {
    say('fail', "this is another program's database: give the jobs a file of their own.")
    return found
  }
  const version = Number(pragma('user_version'))
  if (version > schemaVersion) {
    say(
      'fail',
      `schema ${version}, and this version of uketsuke knows ${schemaVersion} at most: run the one that wrote it.`,
    )
  } else if (version < schemaVersion) say('warn', `schema ${version} of ${schemaVersion}: the next start updates it.`)
  else {
    say('ok', `schema ${version}, up to date.`)
    for (const one of unclaimed(sql, Date.now(), longWaitMs)) say('warn', unclaimedFinding(one))
  }

  const mode = pragma('journal_mode')
  if (mode === 'wal')
    say('ok', 'write-ahead log, synchronous=FULL (which every start sets): an accepted job survives a power cut.')
  else if (empty) say('ok', 'the file is empty; the first start gives it its write-ahead log.')
  else say('warn', `journal_mode=${mode}: the next start changes it to WAL, which needs a local disk.`)

  const damage = pragma('quick_check(1)')
  if (damage === 'ok') say('ok', 'the file is whole.')
  else say('fail', `the file is damaged (${damage}): jobs may be lost already; restore a backup.`)
  return found
}
