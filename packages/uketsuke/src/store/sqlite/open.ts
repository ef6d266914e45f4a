import { resolve } from 'node:path'
import { UketsukeError } from '../../domain/errors.ts'

export type Parameter = string | number | null

/** What is used of `DatabaseSync`, which `node:sqlite` and `@photostructure/sqlite` have in common. */
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
 * Where a database is, told at once: a program may change its folder before the file is opened, and several parts open it.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function databasePath(path: string): string {
  // SQLite takes an empty name for a temporary database, and text ends at its first NUL.
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
 * Node's own SQLite where it has one that gives rows as arrays (22.16 and later), else its twin: the same API, prebuilt inside the
 * package. Neither touches the file yet.
 */
export async function open(path: string): Promise<Database> {
  const { DatabaseSync } = builtIn() ?? ((await import('@photostructure/sqlite')) as unknown as Engine)
  return new DatabaseSync(path)
}

/** The twin cannot be used from a thread: a process that ends while one has it open is aborted. */
export const canUseThreads = (): boolean => builtIn() !== undefined

/**
 * Node warns on stderr that `node:sqlite` is experimental. The choice of engine is ours and not the operator's, so the warning is held
 * back; loading is synchronous, so that nobody else's warning can be lost meanwhile.
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
