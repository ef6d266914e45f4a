import { UketsukeError } from './domain/errors.ts'
import type { JobsOptions } from './options.ts'
import { redis } from './relay/redis.ts'
import type { OpenArchive } from './store/archive.ts'
import type { OpenStore } from './store/port.ts'
import { postgresArchive } from './store/postgres/archive.ts'
import { postgres } from './store/postgres/index.ts'
import { sqliteArchive } from './store/sqlite/archive.ts'
import { sqlite } from './store/sqlite/index.ts'

/** What `createJobs` takes of these; spread it: `createJobs({ jobs, …, ...fromEnvironment() })`. */
export type Engines = Pick<JobsOptions<never>, 'store' | 'dispatch'>

export interface Fallbacks {
  /** The SQLite file where `DATABASE_URL` names no store; `jobs.db` by default. */
  file?: string
  /** The schema where the store is PostgreSQL; `uketsuke` by default. */
  schema?: string
  env?: NodeJS.ProcessEnv
}

/**
 * The engines that the environment names: `DATABASE_URL` (`postgres://…` or `sqlite:path`) for the store, `REDIS_URL` for what
 * wakes workers and tells of changes; without it the store does that itself.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function fromEnvironment({ file = 'jobs.db', schema, env = process.env }: Fallbacks = {}): Engines {
  const { store } = storeAt(env.DATABASE_URL || `sqlite:${file}`, schema)
  return env.REDIS_URL ? { store, dispatch: redis(env.REDIS_URL) } : { store }
}

/** One store by its address. */
export interface Place {
  readonly store: OpenStore
  readonly archive: OpenArchive
  readonly at: { readonly postgres: { connectionString: string; schema?: string } } | { readonly sqlite: string }
}

/** @throws {UketsukeError} `invalid-configuration` */
export function storeAt(url: string, schema?: string): Place {
  if (/^postgres(ql)?:/.test(url)) {
    const options = { connectionString: url, ...(schema !== undefined && { schema }) }
    return { store: postgres(options), archive: postgresArchive(options), at: { postgres: options } }
  }
  const path = /^sqlite:(?:\/\/)?(.+)$/s.exec(url)?.[1]
  if (path === undefined) {
    // Whatever it is, it may hold a password.
    throw new UketsukeError('invalid-configuration', 'A store is named by postgres://… or by sqlite:path.')
  }
  return { store: sqlite(path), archive: sqliteArchive(path), at: { sqlite: path } }
}
