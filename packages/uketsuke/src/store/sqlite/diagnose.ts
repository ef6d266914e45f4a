import { statSync } from 'node:fs'
import { type Finding, longWaitMs, unclaimedFinding } from '../../base/finding.ts'
import { allOwners } from '../owner.ts'
import { isPaused, pausedTypeKind } from '../records.ts'
import { Connection, type Sql } from './connection.ts'
import { toOpenError } from './errors.ts'
import { applicationId, schemaVersion } from './migrations/index.ts'
import { open } from './open.ts'
import { listRecords } from './records.ts'
import { unclaimed } from './unclaimed.ts'

/** Diagnoses a database file without changing or creating it. */
export async function diagnose(path: string): Promise<Finding[]> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    return [{ level: 'ok', message: `SQLite: the file "${path}" does not exist; the first start creates it.` }]
  }
  let db: Connection | null = null
  try {
    db = new Connection(await open(path))
    return await db.read(inspect)
  } catch (error) {
    const known = toOpenError(path, error)
    return [{ level: 'fail', message: `SQLite: ${known instanceof Error ? known.message : String(known)}` }]
  } finally {
    await db?.close()
  }
}

function inspect(sql: Sql): Finding[] {
  const pragma = (name: string) => Object.values(sql.get(`PRAGMA ${name}`) ?? {})[0]
  const found: Finding[] = []
  const say = (level: Finding['level'], message: string) => found.push({ level, message: `SQLite: ${message}` })

  say('ok', `version ${sql.get('SELECT sqlite_version() AS version')?.version}.`)
  const empty = sql.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined
  if (pragma('application_id') !== applicationId && !empty) {
    say('fail', 'the database belongs to another program: use a separate file for the jobs.')
    return found
  }
  const version = Number(pragma('user_version'))
  if (version > schemaVersion) {
    say(
      'fail',
      `schema version ${version} is newer than this version of uketsuke supports (${schemaVersion}): upgrade uketsuke.`,
    )
  } else if (version < schemaVersion)
    say('warn', `schema version ${version} of ${schemaVersion}: the next start updates it.`)
  else {
    say('ok', `schema version ${version}, up to date.`)
    const paused = new Set(listRecords(sql, pausedTypeKind, allOwners, null, 1_000).map(({ id }) => id))
    for (const one of unclaimed(sql, Date.now(), longWaitMs))
      say('warn', unclaimedFinding(one, isPaused(paused, one.type)))
  }

  const mode = pragma('journal_mode')
  if (mode === 'wal')
    say('ok', 'write-ahead log, synchronous=FULL (set at every start): an accepted job survives a power failure.')
  else if (empty) say('ok', 'the file is empty; the first start enables the write-ahead log.')
  else say('warn', `journal_mode=${mode}: the next start changes it to WAL, which needs a local disk.`)

  const damage = pragma('quick_check(1)')
  if (damage === 'ok') say('ok', 'the file is intact.')
  else say('fail', `the file is damaged (${damage}): jobs may already be lost; restore a backup.`)
  return found
}
