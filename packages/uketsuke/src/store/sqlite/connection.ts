import { pause, performance, setImmediate } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { decodeRow, decodeTuple, encodeText } from '../text-encoding.ts'
import type { Checkpoints } from './checkpoint.ts'
import { isBusy, toStoreError, unknownOutcome } from './errors.ts'
import type { Database, Parameter, Statement } from './open.ts'

export type Row = Record<string, unknown>

/** Runs SQL. Statements are prepared once and cached by their text. */
export interface Sql {
  all(sql: string, ...parameters: Parameter[]): Row[]
  /** Each row as an array of its column values. */
  tuples(sql: string, ...parameters: Parameter[]): unknown[][]
  get(sql: string, ...parameters: Parameter[]): Row | undefined
  /** Returns the number of changed rows. */
  run(sql: string, ...parameters: Parameter[]): number
  /** Several statements without parameters. */
  script(sql: string): void
}

interface Work {
  /** When the call was made, as a `performance.now()` time. Time in the queue counts towards the lock timeout. */
  since: number
  /** Whether the commit may be lost in a power failure, so that it need not be synced. */
  deferSync: boolean
  run(): unknown
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** How long a call waits for another process's lock, in milliseconds. */
const lockTimeout = 5_000
const cell = new Int32Array(new SharedArrayBuffer(4))

/** Encodes in place: rest parameters are a fresh array for each call. */
function encoded(parameters: Parameter[]): Parameter[] {
  for (let i = 0; i < parameters.length; i++) parameters[i] = encodeText(parameters[i] as Parameter)
  return parameters
}

/**
 * One connection. SQLite's busy handler sleeps in steps that starve a second writer, so this class waits itself: first
 * a few tries about one commit apart, then with jitter and without blocking the event loop. It uses real time, not the
 * `Clock`, because it waits for another process.
 */
export class Connection implements Sql {
  readonly #db: Database
  readonly #committed: () => void
  #checkpoints: Checkpoints | null = null
  readonly #statements = new Map<string, Statement>()
  #waiting: Work[] = []
  #flushing: Promise<void> | null = null
  #open = true
  #syncing = true

  /** `committed` is called after each commit, when other connections can read it. */
  constructor(db: Database, committed = () => {}) {
    this.#db = db
    this.#committed = committed
  }

  /** Lets `checkpoints` keep the log short from now on, because SQLite would block the event loop for that. */
  keptShortBy(checkpoints: Checkpoints): void {
    this.#checkpoints = checkpoints
  }

  /** `since`: when the caller started to wait, as a `performance.now()` time. */
  read<T>(query: (sql: Sql) => T, since = performance.now()): Promise<T> {
    return this.#whileBusy(() => query(this), since)
  }

  /**
   * When the promise resolves, the write is on disk; if it rejects, nothing was written. With `deferSync` the write is
   * committed and reaches the disk with the next synced commit. All writes of one turn of the event loop share one
   * commit and one sync. `work` may run more than once and must not await.
   */
  write<T>(work: (sql: Sql) => T, { deferSync = false, since = performance.now() } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        since,
        deferSync,
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
      // Callers resumed by the last commit often write again in this turn: those writes join the next commit.
      await new Promise((resolve) => setImmediate(resolve))
      await this.#commit(this.#waiting.splice(0))
    }
    this.#flushing = null
  }

  async #commit(works: readonly Work[]): Promise<void> {
    try {
      const since = Math.min(...works.map((work) => work.since))
      const results = await this.#whileBusy(() => this.#transaction(works), since)
      for (const [i, work] of works.entries()) work.resolve(results[i])
    } catch (error) {
      const down = error instanceof UketsukeError && error.code === 'temporarily-unavailable'
      if (down || works.length === 1) for (const work of works) work.reject(error)
      // A failing write must not fail the others.
      else for (const work of works) await this.#commit([work])
    }
  }

  #transaction(works: readonly Work[]): unknown[] {
    this.#setSync(works.some(({ deferSync }) => !deferSync))
    // IMMEDIATE takes the write lock at the start. A lock taken at the first write cannot be waited for, because
    // earlier reads may be stale.
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

  /**
   * If the disk fails here, the log may contain the whole commit, which would take effect when the file is opened after
   * a crash.
   */
  #commitNow(): void {
    try {
      this.run('COMMIT')
    } catch (error) {
      throw unknownOutcome(error) ?? error
    }
  }

  #setSync(sync: boolean): void {
    if (sync === this.#syncing) return
    this.script(`PRAGMA synchronous = ${sync ? 'FULL' : 'NORMAL'}`)
    this.#syncing = sync
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

  /** Closes after pending writes. */
  async close(): Promise<void> {
    await this.#flushing
    if (!this.#open) return
    this.#open = false
    await this.#checkpoints?.close()
    try {
      // Closing the last connection does this too, but `@photostructure/sqlite` keeps the file open until its
      // statements are collected.
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process is reading, or the disk is full. The log stays and is used when the file is opened next.
    }
    this.#statements.clear()
    this.#db.close()
  }

  async #whileBusy<T>(attempt: () => T, since = performance.now()): Promise<T> {
    const deadline = since + lockTimeout
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
      // After a full disk or an I/O error, SQLite has already rolled back.
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
