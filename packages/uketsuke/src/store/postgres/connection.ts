import type { Pool, PoolClient } from 'pg'
import { clearTimeout, pause, performance, setTimeout } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { decodeRow, decodeTuple, encodeText } from '../text-encoding.ts'
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

/** A `Buffer` is in the server's binary format. */
export type Parameter = Value | readonly Value[] | Buffer

/** Runs SQL. Behind a pooler, statements are not prepared by name and sessions keep no state. */
export interface Sql {
  query(text: string, parameters: readonly Parameter[]): Promise<Row[]>
  /** Like `query`, with each row as an array: cheaper for many rows. */
  tuples(text: string, parameters: readonly Parameter[]): Promise<unknown[][]>
  /** Pipelines a query behind one whose response is pending. Its result is ignored. Absent behind a pooler. */
  follow?(text: string, parameters: readonly Parameter[]): void
  /** Several statements without parameters. */
  script(text: string): Promise<void>
}

/**
 * Work in autocommit mode. `maybeCommitted`: the connection was lost during an earlier try, which may have been
 * committed.
 */
type Work<T> = (sql: Sql, maybeCommitted: boolean) => Promise<T>

/** How long to wait for the server's response to a cancelled statement, in milliseconds. */
const confirmation = 2_000
/** How long running statements may take to end when the store closes, in milliseconds. */
const closing = 1_000
const conflicts = 5

export interface ConnectionOptions {
  /** Names for prepared statements; null if they cannot be used. */
  prepared?(): PreparedStatements | null
  /** Time limit of one statement in milliseconds. */
  statementTimeout: number
  /** Asks the server to cancel the current statement of this client. */
  cancel(client: PoolClient): void
}

/**
 * A connection pool that recovers from failures. Waits use real time, not the `Clock`, because they wait for another
 * machine.
 */
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
    // Without listeners, a broken connection would end the process. The pool replaces it, and the running statement
    // reports the error.
    pool.on('error', () => {})
    pool.on('connect', (client) => {
      client.on('error', () => {})
      this.#clients.add(client)
    })
    pool.on('remove', (client) => void this.#clients.delete(client))
  }

  /**
   * Retries deadlocks and serialization failures a few times. After a lost connection, runs `work` again with
   * `maybeCommitted`: it must then find out whether the first try was committed. Settles within `within` milliseconds:
   * done, not done, or rejected with an unknown outcome.
   */
  async run<T>(work: Work<T>, within = Number.POSITIVE_INFINITY, limit = this.#options.statementTimeout): Promise<T> {
    const deadline = performance.now() + within
    let maybeCommitted = false
    for (let tries = 1; ; tries++) {
      const client = await this.#connect(maybeCommitted, deadline)
      const attempt = this.#begin(client, deadline, limit)
      try {
        const result = await work(attempt.sql, maybeCommitted)
        client.release(attempt.end())
        this.#outage.over()
        return result
      } catch (error) {
        const lost = isLost(error)
        client.release(attempt.end() || lost)
        // Statements before the cancelled one have been committed.
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
   * One try on one client. A statement that exceeds its time limit is cancelled in the server, whose response decides
   * the outcome; without a response the connection counts as lost. `end()` returns true if the client must be
   * discarded: a late cancel would hit the next statement.
   */
  #begin(client: PoolClient, deadline: number, limit: number) {
    const { cancel, prepared } = this.#options
    const left = Math.min(limit, deadline - performance.now() - confirmation)
    const attempt = { done: 0, cancelled: false }
    const timer = setTimeout(
      () => {
        attempt.cancelled = true
        cancel(client)
      },
      Math.max(1, left),
    )
    // A further try begins close to the deadline, or after it.
    const longest = Math.max(1, Math.min(Math.max(1, left) + confirmation, deadline - performance.now()))
    const sql = on(client, this.#schema, prepared?.() ?? null, longest, () => attempt.done++)
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
   * Runs several statements in one transaction. Uses READ COMMITTED regardless of the server's default, so that a
   * statement that waited for a lock sees what was committed meanwhile. `limit` replaces the time limit of a statement; both are in
   * milliseconds.
   */
  transaction<T>(work: Work<T>, { within, limit }: { within?: number | undefined; limit?: number } = {}): Promise<T> {
    return this.run(
      async (sql, maybeCommitted) => {
        await sql.query('BEGIN ISOLATION LEVEL READ COMMITTED', [])
        try {
          const result = await work(sql, maybeCommitted)
          await sql.query('COMMIT', [])
          return result
        } catch (error) {
          if (!isLost(error)) await sql.query('ROLLBACK', [])
          throw error
        }
      },
      within,
      limit,
    )
  }

  async #connect(maybeCommitted: boolean, deadline: number): Promise<PoolClient> {
    for (let tries = 1; ; tries++) {
      if (this.#closing !== null) throw new UketsukeError('temporarily-unavailable', 'The store is closed.')
      try {
        return await this.#free(deadline)
      } catch (error) {
        // A connect timeout has already used up the waiting time.
        const over = (isConnectTimeout(error) && !maybeCommitted) || performance.now() > deadline
        if (!isLost(error) || over || this.#outage.tooLong(performance.now(), maybeCommitted)) {
          throw temporarilyUnavailable(error, maybeCommitted ? doubt : '')
        }
      }
      await pause(Math.random() * Math.min(20 * tries, 250))
    }
  }

  /** A client from the pool. A client that arrives after the deadline is returned to the pool. */
  async #free(deadline: number): Promise<PoolClient> {
    const connecting = this.#pool.connect()
    if (deadline === Number.POSITIVE_INFINITY) return connecting
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, Math.max(1, deadline - performance.now()), null)
    })
    try {
      const client = await Promise.race([connecting, late])
      if (client !== null) return client
      connecting.then((client) => client.release()).catch(() => {})
      throw new Error(connectTimeout)
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Waits briefly for running statements, then destroys their connections: an unresponsive server would block the close
   * forever.
   */
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

/** Closes a client's socket without notifying the server. */
function destroy(client: PoolClient): void {
  ;(client as PoolClient & { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy()
}

const doubt = ' The outcome of this request is unknown: it may have been stored.'

/** Queries are written for the schema `uketsuke`. Replaces the name if another schema is configured. */
export const inSchema = (schema: string, text: string): string =>
  schema === 'uketsuke' ? text : text.replaceAll(/\buketsuke\b/g, `"${schema}"`)

function on(
  client: PoolClient,
  schema: string,
  prepared: PreparedStatements | null,
  timeout: number,
  done: () => void,
): Sql {
  const configOf = (query: string, parameters: readonly Parameter[]) => {
    const text = inSchema(schema, query)
    return { name: prepared?.nameOf(text), text, values: parameters.map(bound), query_timeout: timeout }
  }
  const send = (query: string, parameters: readonly Parameter[]) => client.query<Row>(configOf(query, parameters))
  return {
    async query(text, parameters) {
      const { rows } = await send(text, parameters)
      done()
      return rows.map(decodeRow)
    },
    async tuples(text, parameters) {
      const { rows } = await client.query<unknown[]>({ ...configOf(text, parameters), rowMode: 'array' })
      done()
      return rows.map(decodeTuple)
    },
    ...(prepared && { follow: (text, parameters) => void send(text, parameters).catch(() => {}) }),
    async script(text) {
      const config = { text: inSchema(schema, text), query_timeout: timeout }
      await client.query(config)
    },
  }
}

function bound(value: Parameter) {
  if (typeof value !== 'object' || value === null) return encodeText(value)
  return Buffer.isBuffer(value) ? value : value.map(encodeText)
}
