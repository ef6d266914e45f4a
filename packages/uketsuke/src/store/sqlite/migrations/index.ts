import { UketsukeError } from '../../../domain/errors.ts'
import type { Connection } from '../connection.ts'
import { jobs } from './001-jobs.ts'
import { dueByType } from './002-due-by-type.ts'

/** Forward only: what has been released is never changed, only added to. `PRAGMA user_version` counts how many a file has had. */
const migrations: readonly string[] = [jobs, dueByType]
export const schemaVersion = migrations.length

/** "uket" in ASCII: tells our files from other programs' databases. */
export const applicationId = 0x756b6574

/**
 * Several processes may start at once: whoever takes the write lock first migrates, and the others find it done, since the version is
 * read under the lock.
 */
export function migrate(connection: Connection, path: string): Promise<void> {
  return connection.write((sql) => {
    const pragma = (name: string) => Number(Object.values(sql.get(`PRAGMA ${name}`) ?? {})[0])
    const version = pragma('user_version')
    if (pragma('application_id') !== applicationId && sql.get('SELECT 1 FROM sqlite_schema LIMIT 1') !== undefined) {
      throw new UketsukeError(
        'store-unusable',
        `"${path}" is another program's database: give the jobs a file of their own.`,
      )
    }
    if (version > migrations.length) {
      const sentence = `"${path}" has schema ${version}, and this version of uketsuke knows ${migrations.length} at most`
      throw new UketsukeError('store-unusable', `${sentence}: run the version that wrote it, or a later one.`)
    }
    // A write that writes nothing: SQLite opens a read-only file without a word, and would fail at the first job.
    if (version === migrations.length) return void sql.run('DELETE FROM shared WHERE false')
    for (const migration of migrations.slice(version)) sql.script(migration)
    sql.script(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`)
  })
}
