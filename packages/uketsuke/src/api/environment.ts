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

/** The store and dispatch options of `createJobs`. Spread them: `createJobs({ jobs, …, ...fromEnvironment() })`. */
export type EngineOptions = Pick<JobsOptions<never>, 'store' | 'dispatch'>

export interface EnvironmentDefaults {
  /** The SQLite file to use when `DATABASE_URL` is not set. Default: `jobs.db`. */
  file?: string
  /** The PostgreSQL schema. Default: `uketsuke`. */
  schema?: string
  /** The environment to read. Default: `process.env`. */
  env?: NodeJS.ProcessEnv
}

/**
 * Reads the store from `DATABASE_URL` (`postgres://…`, `sqlite:path`, or Prisma's `file:path`) and the Redis for wake-ups and change
 * notifications from `REDIS_URL`. Without `REDIS_URL`, the store provides them. Paths are relative to the folder in which the process
 * started.
 * @throws {UketsukeError} `invalid-configuration`; the message names the variable and never contains a password
 */
export function fromEnvironment(options: EnvironmentDefaults = {}): EngineOptions {
  const { store } = storeFromEnvironment(options)
  const url = redisUrl(options.env)
  return url === null ? { store } : { store, dispatch: inVariable('REDIS_URL', () => redis(url)) }
}

/** The store only. @throws {UketsukeError} `invalid-configuration` */
export function storeFromEnvironment({
  file = 'jobs.db',
  schema,
  env = process.env,
}: EnvironmentDefaults = {}): StoreLocation {
  const url = env.DATABASE_URL?.trim()
  return url ? inVariable('DATABASE_URL', () => storeFromUrl(url, schema)) : sqliteAt(file)
}

/** Null when `REDIS_URL` is not set. */
export const redisUrl = (env: NodeJS.ProcessEnv = process.env): string | null => env.REDIS_URL?.trim() || null

function inVariable<T>(variable: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UketsukeError)) throw error
    throw new UketsukeError('invalid-configuration', `Environment variable ${variable}: ${error.message}`)
  }
}

/** A store named by a URL or a path. */
export interface StoreLocation {
  readonly store: StoreFactory
  readonly raw: OpenRawTables
  readonly at: { readonly postgres: { connectionString: string; schema?: string } } | { readonly sqlite: string }
}

/** @throws {UketsukeError} `invalid-configuration` */
export function storeFromUrl(url: string, schema?: string): StoreLocation {
  if (/^postgres(ql)?:/.test(url)) {
    const options = { connectionString: url, ...(schema !== undefined && { schema }) }
    return { store: postgres(options), raw: postgresRawTables(options), at: { postgres: options } }
  }
  return sqliteAt(pathOf(url))
}

const sqliteAt = (path: string): StoreLocation => ({
  store: sqlite(path),
  raw: sqliteRawTables(path),
  at: { sqlite: databasePath(path) },
})

/** The path in `sqlite:path`, `sqlite://path`, `file:path` or `file:///path`. Ignores the query of a `file:` URL, which is for Prisma. */
function pathOf(url: string): string {
  const [, scheme = '', rest = ''] = /^(sqlite|file):(?:\/\/)?(.*)$/s.exec(url) ?? []
  const path = scheme === 'file' ? rest.replace(/\?.*$/s, '') : rest
  if (path !== '') return path
  // The URL may contain a password. Show only the scheme.
  const [kind] = /^[a-z][a-z0-9+.-]{0,30}:(?=\/\/)/i.exec(url) ?? []
  const found = kind === undefined ? '' : `, not ${kind}//…`
  throw new UketsukeError(
    'invalid-configuration',
    `A store URL must be postgres://…, sqlite:path or file:path${found}.`,
  )
}
