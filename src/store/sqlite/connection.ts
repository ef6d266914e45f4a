import { setTimeout as pause } from 'node:timers/promises'
import { UketsukeError } from '../../domain/errors.ts'
import { decode, decodeTuple, encode } from '../text.ts'
import type { Checkpoints } from './checkpoint.ts'
import { isBusy, unavailable } from './failures.ts'
import type { Log } from './log.ts'
import type { Database, Parameter, Statement } from './open.ts'

export type Row = Record<string, unknown>

/** What a query needs. Statements are prepared once, by their text. */
export interface Sql {
  all(sql: string, ...parameters: Parameter[]): Row[]
  /** Each row as its columns' values, in their order. */
  tuples(sql: string, ...parameters: Parameter[]): unknown[][]
  get(sql: string, ...parameters: Parameter[]): Row | undefined
  /** Gives how many rows it changed. */
  run(sql: string, ...parameters: Parameter[]): number
  /** Several statements without parameters. */
  script(sql: string): void
}

interface Work {
  /** When it was asked for: what waits behind others does not wait longer than they. */
  since: number
  /** Whether the commit is enough, or it must be on the disk as well. */
  soon: boolean
  run(): unknown
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** How long a verb waits for another process's lock, in milliseconds. */
const patience = 5_000
const cell = new Int32Array(new SharedArrayBuffer(4))

/** In place, since the parameters of a call are an array of its own. */
function encoded(parameters: Parameter[]): Parameter[] {
  for (let i = 0; i < parameters.length; i++) parameters[i] = encode(parameters[i] as Parameter)
  return parameters
}

/**
 * One connection. SQLite's own busy handler sleeps in steps that starve a second writer, so the wait is ours: a few tries at
 * distances of a commit, then with jitter and without blocking the event loop. It is real time, not the clock's, since it is another
 * process that is waited for.
 */
export class Connection implements Sql {
  readonly #db: Database
  readonly #committed: () => void
  #log: Log | null = null
  #checkpoints: Checkpoints | null = null
  readonly #statements = new Map<string, Statement>()
  #waiting: Work[] = []
  #flushing: Promise<void> | null = null
  #open = true

  /** `committed` is called after each commit, when it is on disk and other connections can read it. */
  constructor(db: Database, committed = () => {}) {
    this.#db = db
    this.#committed = committed
  }

  /** From now on `log` puts commits on the disk, and `checkpoints` the log into the database: SQLite would stop the process for either. */
  keptBy(log: Log, checkpoints: Checkpoints | null = null): void {
    this.script('PRAGMA synchronous = NORMAL')
    this.#log = log
    this.#checkpoints = checkpoints
  }

  read<T>(query: (sql: Sql) => T): Promise<T> {
    return this.#patiently(() => query(this))
  }

  /**
   * On disk when the promise resolves, or not at all; with `soon` when it is committed, so that it is lost with the machine's power alone.
   * What is asked for in one turn of the event loop, whatever the verb, is one commit: one wait for the disk. `work` may run again, and
   * must not await.
   */
  write<T>(work: (sql: Sql) => T, { soon = false } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        since: performance.now(),
        soon,
        run: () => work(this),
        resolve: (result) => resolve(result as T),
        reject,
      })
      this.#flushing ??= this.#flush()
    })
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#checkpoints?.paused
      await this.#log?.room()
      // What the last commit set free asks again in this turn: it goes along with the next one.
      await new Promise((resolve) => setImmediate(resolve))
      await this.#commit(this.#waiting.splice(0))
    }
    this.#flushing = null
  }

  /** Resolves when the transaction is over; whoever wants it on the disk hears later. */
  async #commit(works: readonly Work[]): Promise<void> {
    try {
      const results = await this.#patiently(() => this.#transaction(works), works[0]?.since)
      void this.#tell(works, results)
    } catch (error) {
      const down = error instanceof UketsukeError && error.code === 'temporarily-unavailable'
      if (down || works.length === 1) for (const work of works) work.reject(error)
      // One that fails must not take its neighbours along.
      else for (const work of works) await this.#commit([work])
    }
  }

  async #tell(works: readonly Work[], results: readonly unknown[]): Promise<void> {
    const resolve = (those: (work: Work) => boolean) => {
      for (const [i, work] of works.entries()) if (those(work)) work.resolve(results[i])
    }
    const soon = (work: Work) => work.soon || this.#log === null
    resolve(soon)
    try {
      if (!works.every(soon)) await this.#log?.sync()
      this.#committed()
      resolve((work) => !soon(work))
    } catch (error) {
      for (const work of works) work.reject(error)
    }
  }

  #transaction(works: readonly Work[]): unknown[] {
    this.#log?.throwIfFailed()
    // IMMEDIATE: a lock taken only at the first write could not be waited for, because what was read might be stale by then.
    this.run('BEGIN IMMEDIATE')
    try {
      const results = works.map((work) => work.run())
      this.run('COMMIT')
      this.#checkpoints?.committed()
      return results
    } catch (error) {
      this.#rollback()
      throw error
    }
  }

  all(sql: string, ...parameters: Parameter[]): Row[] {
    return this.#prepare(sql)
      .all(...encoded(parameters))
      .map(decode)
  }

  tuples(sql: string, ...parameters: Parameter[]): unknown[][] {
    const statement = this.#prepare(sql)
    statement.setReturnArrays(true)
    const rows = statement.all(...encoded(parameters)) as unknown as unknown[][]
    return rows.map(decodeTuple)
  }

  get(sql: string, ...parameters: Parameter[]): Row | undefined {
    const row = this.#prepare(sql).get(...encoded(parameters))
    return row === undefined ? undefined : decode(row)
  }

  run(sql: string, ...parameters: Parameter[]): number {
    return Number(this.#prepare(sql).run(...encoded(parameters)).changes)
  }

  script(sql: string): void {
    this.#db.exec(sql)
  }

  /** After what is waiting has been written. */
  async close(): Promise<void> {
    await this.#flushing
    if (!this.#open) return
    this.#open = false
    await this.#log?.close()
    await this.#checkpoints?.close()
    try {
      // Closing the last connection would do this too, but `@photostructure/sqlite` keeps the file until its statements are collected.
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process reads or the disk is full: the log stays, and whoever opens the file next goes on from it.
    }
    this.#statements.clear()
    this.#db.close()
  }

  async #patiently<T>(attempt: () => T, since = performance.now()): Promise<T> {
    const deadline = since + patience
    for (let tries = 1; ; tries++) {
      if (!this.#open) throw new UketsukeError('temporarily-unavailable', 'The store is closed.')
      try {
        return attempt()
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw unavailable(error)
      }
      if (tries <= 8) Atomics.wait(cell, 0, 0, 0.05 + 0.15 * Math.random())
      else await pause(1 + 4 * Math.random())
    }
  }

  #rollback(): void {
    try {
      this.run('ROLLBACK')
    } catch {
      // A full disk or an I/O error has rolled back already.
    }
  }

  #prepare(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
