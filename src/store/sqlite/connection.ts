import { setTimeout as pause } from 'node:timers/promises'
import { UketsukeError } from '../../domain/errors.ts'
import { decode, encode } from '../text.ts'
import { isBusy, unavailable } from './failures.ts'
import type { Database, Parameter, Statement } from './open.ts'

export type Row = Record<string, unknown>

/** What a query needs. Statements are prepared once, by their text. */
export interface Sql {
  all(sql: string, ...parameters: Parameter[]): Row[]
  get(sql: string, ...parameters: Parameter[]): Row | undefined
  /** Gives how many rows it changed. */
  run(sql: string, ...parameters: Parameter[]): number
  /** Several statements without parameters. */
  script(sql: string): void
}

/** How long a verb waits for another process's lock, in milliseconds. */
const patience = 5_000
const cell = new Int32Array(new SharedArrayBuffer(4))

/**
 * One connection. SQLite's own busy handler sleeps in steps that starve a second writer, so the wait is ours: a few tries at
 * distances of a commit, then with jitter and without blocking the event loop. It is real time, not the clock's, since it is another
 * process that is waited for.
 */
export class Connection implements Sql {
  readonly #db: Database
  readonly #statements = new Map<string, Statement>()
  #open = true

  constructor(db: Database) {
    this.#db = db
  }

  read<T>(query: (sql: Sql) => T): Promise<T> {
    return this.#patiently(() => query(this))
  }

  /** One commit: on disk when the promise resolves, or not at all. `work` may run again, and must not await. */
  write<T>(work: (sql: Sql) => T): Promise<T> {
    return this.#patiently(() => {
      // IMMEDIATE: a lock taken only at the first write could not be waited for, because what was read might be stale by then.
      this.run('BEGIN IMMEDIATE')
      try {
        const result = work(this)
        this.run('COMMIT')
        return result
      } catch (error) {
        this.#rollback()
        throw error
      }
    })
  }

  all(sql: string, ...parameters: Parameter[]): Row[] {
    return this.#prepare(sql)
      .all(...parameters.map(encode))
      .map(decode)
  }

  get(sql: string, ...parameters: Parameter[]): Row | undefined {
    const row = this.#prepare(sql).get(...parameters.map(encode))
    return row === undefined ? undefined : decode(row)
  }

  run(sql: string, ...parameters: Parameter[]): number {
    return Number(this.#prepare(sql).run(...parameters.map(encode)).changes)
  }

  script(sql: string): void {
    this.#db.exec(sql)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    try {
      // Closing the last connection would do this too, but `@photostructure/sqlite` keeps the file until its statements are collected.
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process reads or the disk is full: the log stays, and whoever opens the file next goes on from it.
    }
    this.#statements.clear()
    this.#db.close()
  }

  async #patiently<T>(attempt: () => T): Promise<T> {
    const deadline = performance.now() + patience
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
