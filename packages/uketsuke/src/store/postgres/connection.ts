import type { Pool, PoolClient } from 'pg'
import { clearTimeout, pause, performance, setTimeout } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { decodeRow, encodeText } from '../text-encoding.ts'
import {
  connectTimeout,
  isCancelled,
  isConflict,
  isConnectTimeout,
  isLost,
  temporarilyUnavailable,
  toStoreError,
} from './errors.ts'
import { Outage } from './outage.ts'
import type { PreparedStatements } from './prepared-statements.ts'
import type { Row, Value } from './rows.ts'

/** A buffer is in the server's binary format. */
export type Parameter = Value | readonly Value[] | Buffer

/** What a query needs. Behind a pooler nothing is prepared by name and no session keeps a state. */
export interface Sql {
  query(text: string, parameters: readonly Parameter[]): Promise<Row[]>
  /** Sends another query right behind one whose answer is still to come; nobody waits for it. Not through a pooler. */
  follow?(text: string, parameters: readonly Parameter[]): void
  /** Several statements without parameters. */
  script(text: string): Promise<void>
}

/** Work in autocommit: each statement is a transaction. `maybeCommitted`: an earlier try was cut off, and may have been committed. */
type Work<T> = (sql: Sql, maybeCommitted: boolean) => Promise<T>

/** How long the server has to say what became of a statement that was cancelled, in milliseconds. */
const confirmation = 2_000
/** How long statements may take to end once the store closes, in milliseconds. */
const closing = 1_000
const conflicts = 5

export interface ConnectionOptions {
  /** What to name queries by, where they may be named. */
  prepared?(): PreparedStatements | null
  /** Milliseconds that one statement may take in the server. */
  statementTimeout: number
  /** Asks the server to end what this client's session is doing. */
  cancel(client: PoolClient): void
}

/** A pool of connections that survives what happens to them. The waits are real time: it is another machine that is waited for. */
export class Connection {
  readonly #pool: Pool
  readonly #schema: string
  readonly #options: ConnectionOptions
  readonly #clients = new Set<PoolClient>()
  readonly #outage = new Outage()
  #closing: Promise<void> | null = null

  constructor(pool: Pool, schema: string, options: ConnectionOptions) {
    this.#pool = pool
    this.#schema = schema
    this.#options = options
    // A connection that breaks is replaced, and who was using it is told by their statement; without listeners it would end the process.
    pool.on('error', () => {})
    pool.on('connect', (client) => {
      client.on('error', () => {})
      this.#clients.add(client)
    })
    pool.on('remove', (client) => void this.#clients.delete(client))
  }

  /**
   * Deadlocks and serialization failures are tried again a few times. A lost connection is replaced and the work done again, told that
   * it is maybeCommitted: it must find out what became of the first try, and never guess. After `within` milliseconds it has ended: done, known
   * not to be done, or with an error whose outcome is unknown.
   */
  async run<T>(work: Work<T>, within = Number.POSITIVE_INFINITY): Promise<T> {
    const deadline = performance.now() + within
    let maybeCommitted = false
    for (let tries = 1; ; tries++) {
      const client = await this.#connect(maybeCommitted, deadline)
      const attempt = this.#begin(client, deadline)
      try {
        const result = await work(attempt.sql, maybeCommitted)
        client.release(attempt.end())
        this.#outage.over()
        return result
      } catch (error) {
        const lost = isLost(error)
        client.release(attempt.end() || lost)
        // What went before the statement that was cancelled has been committed.
        if (isCancelled(error)) throw temporarilyUnavailable(error, attempt.done > 0 || maybeCommitted ? doubt : '')
        if (lost) maybeCommitted = true
        else if (!isConflict(error) || tries > conflicts) throw toStoreError(error)
        if (lost && (this.#outage.tooLong(performance.now(), maybeCommitted) || performance.now() > deadline))
          throw toStoreError(error, doubt)
      }
      await pause(Math.random() * Math.min(20 * tries, 250))
    }
  }

  /**
   * One try on one client. A statement that takes too long is cancelled in the server, whose word decides; without that word the connection
   * counts as lost. `end()` says whether the client is of no more use: a late cancel would hit whatever comes next.
   */
  #begin(client: PoolClient, deadline: number) {
    const { statementTimeout, cancel, prepared } = this.#options
    const left = Math.min(statementTimeout, deadline - performance.now() - confirmation)
    const attempt = { done: 0, cancelled: false }
    const timer = setTimeout(
      () => {
        attempt.cancelled = true
        cancel(client)
      },
      Math.max(1, left),
    )
    const sql = on(client, this.#schema, prepared?.() ?? null, Math.max(1, left) + confirmation, () => attempt.done++)
    return {
      sql,
      get done() {
        return attempt.done
      },
      end(): boolean {
        clearTimeout(timer)
        return attempt.cancelled
      },
    }
  }

  /**
   * One transaction, for what needs several statements to be one. Read committed: each statement sees what others have committed while
   * a lock was waited for, whatever the server's default is.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.run(async (sql) => {
      await sql.query('BEGIN ISOLATION LEVEL READ COMMITTED', [])
      try {
        const result = await work(sql)
        await sql.query('COMMIT', [])
        return result
      } catch (error) {
        if (!isLost(error)) await sql.query('ROLLBACK', [])
        throw error
      }
    })
  }

  async #connect(maybeCommitted: boolean, deadline: number): Promise<PoolClient> {
    for (let tries = 1; ; tries++) {
      if (this.#closing !== null) throw new UketsukeError('temporarily-unavailable', 'The store is closed.')
      try {
        return await this.#free(deadline)
      } catch (error) {
        // A connection that did not come in its time has been waited for already.
        const over = (isConnectTimeout(error) && !maybeCommitted) || performance.now() > deadline
        if (!isLost(error) || over || this.#outage.tooLong(performance.now(), maybeCommitted)) {
          throw temporarilyUnavailable(error, maybeCommitted ? doubt : '')
        }
      }
      await pause(Math.random() * Math.min(20 * tries, 250))
    }
  }

  /** A client of the pool. One that comes after the deadline is given back. */
  async #free(deadline: number): Promise<PoolClient> {
    const connecting = this.#pool.connect()
    if (deadline === Number.POSITIVE_INFINITY) return connecting
    const overdue = new AbortController()
    const late = pause(Math.max(1, deadline - performance.now()), null, { signal: overdue.signal })
    try {
      const client = await Promise.race([connecting, late])
      if (client !== null) return client
      connecting.then((client) => client.release()).catch(() => {})
      throw new Error(connectTimeout)
    } finally {
      overdue.abort()
      late.catch(() => {})
    }
  }

  /** What is under way has a moment to end; then its connections are cut, since a server that says nothing would hold it for ever. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    const ended = this.#pool.end()
    const waited = new AbortController()
    const late = pause(closing, true, { signal: waited.signal })
    const cut = await Promise.race([ended.then(() => false), late])
    waited.abort()
    late.catch(() => {})
    if (!cut) return
    for (const client of this.#clients) destroy(client)
    ended.catch(() => {})
  }
}

/** Ends a client without a word to the server. */
function destroy(client: PoolClient): void {
  ;(client as PoolClient & { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy()
}

const doubt = ' Whether what was under way has been stored is not known.'

/** Queries are written for the schema `uketsuke`; another one's name is put in its place. */
export const inSchema = (schema: string, text: string): string =>
  schema === 'uketsuke' ? text : text.replaceAll(/\buketsuke\b/g, `"${schema}"`)

function on(
  client: PoolClient,
  schema: string,
  prepared: PreparedStatements | null,
  timeout: number,
  done: () => void,
): Sql {
  const send = (query: string, parameters: readonly Parameter[]) => {
    const text = inSchema(schema, query)
    const config = { name: prepared?.nameOf(text), text, values: parameters.map(bound), query_timeout: timeout }
    return client.query<Row>(config)
  }
  return {
    async query(text, parameters) {
      const { rows } = await send(text, parameters)
      done()
      return rows.map(decodeRow)
    },
    ...(prepared && { follow: (text, parameters) => void send(text, parameters).catch(() => {}) }),
    async script(text) {
      await client.query(inSchema(schema, text))
    },
  }
}

function bound(value: Parameter) {
  if (typeof value !== 'object' || value === null) return encodeText(value)
  return Buffer.isBuffer(value) ? value : value.map(encodeText)
}
