import { pause, performance, setImmediate } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { decodeRow, decodeTuple, encodeText } from '../text-encoding.ts'
import type { Checkpoints } from './checkpoint.ts'
import { isBusy, toStoreError, unknownOutcome } from './errors.ts'
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
  /** Whether it may be lost with the machine's power, and need not wait for the disk. */
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
  for (let i = 0; i < parameters.length; i++) parameters[i] = encodeText(parameters[i] as Parameter)
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
  #checkpoints: Checkpoints | null = null
  readonly #statements = new Map<string, Statement>()
  #waiting: Work[] = []
  #flushing: Promise<void> | null = null
  #open = true
  #waits = true

  /** `committed` is called after each commit, when other connections can read it. */
  constructor(db: Database, committed = () => {}) {
    this.#db = db
    this.#committed = committed
  }

  /** From now on `checkpoints` keeps the log short: SQLite would stop the process for that. */
  keptShortBy(checkpoints: Checkpoints): void {
    this.#checkpoints = checkpoints
  }

  /** `since`: when whoever asks began to wait, by `performance.now()`. */
  read<T>(query: (sql: Sql) => T, since = performance.now()): Promise<T> {
    return this.#patiently(() => query(this), since)
  }

  /**
   * On disk when the promise resolves, or not at all; with `soon` it is committed, and on disk with whatever comes after it. What is asked
   * for in one turn of the event loop, whatever the verb, is one commit: one wait for the disk. `work` may run again, and must not await.
   */
  write<T>(work: (sql: Sql) => T, { soon = false, since = performance.now() } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        since,
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
      // What the last commit set free asks again in this turn: it goes along with the next one.
      await new Promise((resolve) => setImmediate(resolve))
      await this.#commit(this.#waiting.splice(0))
    }
    this.#flushing = null
  }

  async #commit(works: readonly Work[]): Promise<void> {
    try {
      const since = Math.min(...works.map((work) => work.since))
      const results = await this.#patiently(() => this.#transaction(works), since)
      for (const [i, work] of works.entries()) work.resolve(results[i])
    } catch (error) {
      const down = error instanceof UketsukeError && error.code === 'temporarily-unavailable'
      if (down || works.length === 1) for (const work of works) work.reject(error)
      // One that fails must not take its neighbours along.
      else for (const work of works) await this.#commit([work])
    }
  }

  #transaction(works: readonly Work[]): unknown[] {
    this.#waitForDisk(works.some(({ soon }) => !soon))
    // IMMEDIATE: a lock taken only at the first write could not be waited for, because what was read might be stale by then.
    this.run('BEGIN IMMEDIATE')
    try {
      const results = works.map((work) => work.run())
      this.#commitNow()
      this.#committed()
      this.#checkpoints?.committed()
      return results
    } catch (error) {
      this.#rollback()
      throw error
    }
  }

  /** Where the disk fails now, the log may hold the whole commit: whoever opens the file after a crash would find it. */
  #commitNow(): void {
    try {
      this.run('COMMIT')
    } catch (error) {
      throw unknownOutcome(error) ?? error
    }
  }

  #waitForDisk(wanted: boolean): void {
    if (wanted === this.#waits) return
    this.script(`PRAGMA synchronous = ${wanted ? 'FULL' : 'NORMAL'}`)
    this.#waits = wanted
  }

  all(sql: string, ...parameters: Parameter[]): Row[] {
    return this.#prepare(sql)
      .all(...encoded(parameters))
      .map(decodeRow)
  }

  tuples(sql: string, ...parameters: Parameter[]): unknown[][] {
    const statement = this.#prepare(sql)
    statement.setReturnArrays(true)
    const rows = statement.all(...encoded(parameters)) as unknown as unknown[][]
    return rows.map(decodeTuple)
  }

  get(sql: string, ...parameters: Parameter[]): Row | undefined {
    const row = this.#prepare(sql).get(...encoded(parameters))
    return row === undefined ? undefined : decodeRow(row)
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
        if (!isBusy(error) || performance.now() > deadline) throw toStoreError(error)
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
