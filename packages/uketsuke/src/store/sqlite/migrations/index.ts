import { UketsukeError } from '../../../domain/errors.ts'
import type { Connection } from '../connection.ts'
import { jobs } from './001-jobs.ts'
import { dueByType } from './002-due-by-type.ts'
import { records } from './003-records.ts'
import { trace } from './004-trace.ts'
import { uniqueKeys } from './005-unique-keys.ts'
import { ranksAndLimits } from './006-ranks-and-limits.ts'
import { fragmentsAndFiles } from './007-fragments-and-files.ts'

/**
 * Forward only: released migrations never change; new ones are appended. `PRAGMA user_version` counts the applied
 * migrations.
 */
const migrations: readonly string[] = [jobs, dueByType, records, trace, uniqueKeys, ranksAndLimits, fragmentsAndFiles]
export const schemaVersion = migrations.length

/** "uket" in ASCII. Distinguishes our files from databases of other programs. */
export const applicationId = 0x756b6574

/**
 * Several processes may start at the same time. The first to take the write lock migrates; the others find the new
 * version, because it is read under the lock.
 */
export function migrate(connection: Connection, path: string): Promise<void> {
  return connection.write((sql) => {
    const pragma = (name: string) => Number(Object.values(sql.get(`PRAGMA ${name}`) ?? {})[0])
    const version = pragma('user_version')
    if (pragma('application_id') !== applicationId && sql.get('SELECT 1 FROM sqlite_schema LIMIT 1') !== undefined) {
      throw new UketsukeError(
        'store-unusable',
        `"${path}" is the database of another program: use a separate file for the jobs.`,
      )
    }
    if (version > migrations.length) {
      const sentence = `"${path}" has schema version ${version}, but this version of uketsuke supports only up to ${migrations.length}`
      throw new UketsukeError('store-unusable', `${sentence}: upgrade uketsuke.`)
    }
    // An empty write: SQLite opens a read-only file without an error and would fail at the first job.
    if (version === migrations.length) return void sql.run('DELETE FROM shared WHERE false')
    for (const migration of migrations.slice(version)) sql.script(migration)
    sql.script(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`)
  })
}
