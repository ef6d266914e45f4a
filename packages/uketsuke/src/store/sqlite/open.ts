import { closeSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { UketsukeError } from '../../domain/errors.ts'

export type Parameter = string | number | null

/** The subset of `DatabaseSync` in use, common to `node:sqlite` and `@photostructure/sqlite`. */
export interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

export interface Statement {
  all(...parameters: Parameter[]): Record<string, unknown>[]
  get(...parameters: Parameter[]): Record<string, unknown> | undefined
  run(...parameters: Parameter[]): { changes: number | bigint }
  setReturnArrays(enabled: boolean): void
}

/**
 * The absolute path of a database, resolved immediately: the program may change its working directory before the file
 * is opened.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function databasePath(path: string): string {
  // SQLite treats an empty name as a temporary database and cuts names at the first NUL.
  if (typeof path !== 'string' || path.trim() === '' || path.includes('\0')) {
    throw new UketsukeError('invalid-configuration', 'sqlite(): the path must name a file, such as "jobs.db".')
  }
  return path === ':memory:' ? path : resolve(path)
}

interface Engine {
  readonly DatabaseSync: new (path: string) => Database
  readonly StatementSync: { prototype: Partial<Statement> }
}

/**
 * Opens a database with Node's built-in SQLite if it can return rows as arrays (22.16 and later), else with
 * `@photostructure/sqlite`, which has the same API and ships prebuilt binaries. Neither accesses the file yet.
 */
export async function open(path: string): Promise<Database> {
  const { DatabaseSync } = builtIn() ?? ((await import('@photostructure/sqlite')) as unknown as Engine)
  if (path !== ':memory:') createPrivate(path)
  return new DatabaseSync(path)
}

/**
 * Creates the file for its user alone if it does not exist: it will hold inputs, outputs and the key that signs stream tickets. SQLite
 * gives its other files the same mode.
 */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // The file exists, or SQLite will say what is wrong.
  }
}

/** False for `@photostructure/sqlite`: a process that exits while a thread has it open is aborted. */
export const canUseThreads = (): boolean => builtIn() !== undefined

/**
 * Node warns on stderr that `node:sqlite` is experimental. The operator did not choose this engine, so the warning is
 * suppressed. Loading is synchronous, so no other warning can be lost meanwhile.
 */
function builtIn(): Engine | undefined {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    const engine = process.getBuiltinModule?.('node:sqlite') as Engine | undefined
    return engine?.StatementSync.prototype.setReturnArrays ? engine : undefined
  } finally {
    process.emitWarning = emitWarning
  }
}
