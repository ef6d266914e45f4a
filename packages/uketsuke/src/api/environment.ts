import { UketsukeError } from '../domain/errors.ts'
import type { StoreFactory } from '../store/port.ts'
import { postgres } from '../store/postgres/index.ts'
import { postgresRawTables } from '../store/postgres/raw-tables.ts'
import type { OpenRawTables } from '../store/raw-tables.ts'
import { sqlite } from '../store/sqlite/index.ts'
import { databasePath } from '../store/sqlite/open.ts'
import { sqliteRawTables } from '../store/sqlite/raw-tables.ts'
import { redis } from '../transport/redis.ts'
import type { JobsOptions } from './options.ts'

/** What `createJobs` takes of these; spread it: `createJobs({ jobs, …, ...fromEnvironment() })`. */
export type EngineOptions = Pick<JobsOptions<never>, 'store' | 'dispatch'>

export interface EnvironmentDefaults {
  /** The SQLite file where `DATABASE_URL` names no store; `jobs.db` by default. */
  file?: string
  /** The schema where the store is PostgreSQL; `uketsuke` by default. */
  schema?: string
  env?: NodeJS.ProcessEnv
}

/**
 * The engines that the environment names: `DATABASE_URL` (`postgres://…`, `sqlite:path`, or `file:path` as Prisma has it) for the store,
 * `REDIS_URL` for what wakes workers and tells of changes; without it the store does that itself. Paths are relative to the folder in which
 * the process was started.
 * @throws {UketsukeError} `invalid-configuration`, with a sentence that names the variable and never shows a password
 */
export function fromEnvironment(options: EnvironmentDefaults = {}): EngineOptions {
  const { store } = storeFromEnvironment(options)
  const url = redisUrl(options.env)
  return url === null ? { store } : { store, dispatch: named('REDIS_URL', () => redis(url)) }
}

/** The store alone. @throws {UketsukeError} `invalid-configuration` */
export function storeFromEnvironment({
  file = 'jobs.db',
  schema,
  env = process.env,
}: EnvironmentDefaults = {}): StoreLocation {
  const url = env.DATABASE_URL?.trim()
  return url ? named('DATABASE_URL', () => storeFromUrl(url, schema)) : sqliteAt(file)
}

/** Null where none is named. */
export const redisUrl = (env: NodeJS.ProcessEnv = process.env): string | null => env.REDIS_URL?.trim() || null

function named<T>(variable: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UketsukeError)) throw error
    throw new UketsukeError('invalid-configuration', `The environment variable ${variable}: ${error.message}`)
  }
}

/** One store by its address. */
export interface StoreLocation {
  readonly store: StoreFactory
  readonly archive: OpenRawTables
  readonly at: { readonly postgres: { connectionString: string; schema?: string } } | { readonly sqlite: string }
}

/** @throws {UketsukeError} `invalid-configuration` */
export function storeFromUrl(url: string, schema?: string): StoreLocation {
  if (/^postgres(ql)?:/.test(url)) {
    const options = { connectionString: url, ...(schema !== undefined && { schema }) }
    return { store: postgres(options), archive: postgresRawTables(options), at: { postgres: options } }
  }
  return sqliteAt(pathOf(url))
}

const sqliteAt = (path: string): StoreLocation => ({
  store: sqlite(path),
  archive: sqliteRawTables(path),
  at: { sqlite: databasePath(path) },
})

/** Of `sqlite:path`, `sqlite://path`, `file:path` and `file:///path`. What follows a question mark is for other programs. */
function pathOf(url: string): string {
  const [, scheme = '', rest = ''] = /^(sqlite|file):(?:\/\/)?(.*)$/s.exec(url) ?? []
  const path = scheme === 'file' ? rest.replace(/\?.*$/s, '') : rest
  if (path !== '') return path
  // Whatever it is, it may hold a password; what stands before a colon does not.
  const [kind] = /^[a-z][a-z0-9+.-]{0,30}:(?=\/\/)/i.exec(url) ?? []
  const found = kind === undefined ? '' : `, and this begins with ${kind}`
  throw new UketsukeError(
    'invalid-configuration',
    `A store is named by postgres://…, sqlite:path or file:path${found}.`,
  )
}
