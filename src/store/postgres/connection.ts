import { setTimeout as pause } from 'node:timers/promises'
import type { Pool, PoolClient } from 'pg'
import { UketsukeError } from '../../domain/errors.ts'
import { decode, encode } from '../text.ts'
import { isConflict, isLost, isTooLate, notNow, unavailable } from './failures.ts'
import type { Prepared } from './prepared.ts'
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

/** Work in autocommit: each statement is a transaction. `unsure`: an earlier try was cut off, and may have been committed. */
type Work<T> = (sql: Sql, unsure: boolean) => Promise<T>

/** How long a verb goes on trying to reach the server, in milliseconds; longer where it must learn what became of a write. */
const patience = 5_000
const patienceInDoubt = 20_000
const conflicts = 5

/** A pool of connections that survives what happens to them. The waits are real time: it is another machine that is waited for. */
export class Connection {
  readonly #pool: Pool
  readonly #schema: string
  readonly #prepared: () => Prepared | null
  #downSince: number | null = null
  #closing: Promise<void> | null = null

  /** `prepared`: what to name queries by, where they may be named. */
  constructor(pool: Pool, schema: string, prepared: () => Prepared | null = () => null) {
    this.#pool = pool
    this.#schema = schema
    this.#prepared = prepared
    // A connection that breaks is replaced, and who was using it is told by their statement; without listeners it would end the process.
    pool.on('error', () => {})
    pool.on('connect', (client) => void client.on('error', () => {}))
  }

  /**
   * Deadlocks and serialization failures are tried again a few times. A lost connection is replaced and the work done again, told that
   * it is unsure: it must find out what became of the first try, and never guess.
   */
  async run<T>(work: Work<T>): Promise<T> {
    let unsure = false
    for (let tries = 1; ; tries++) {
      const client = await this.#connect(unsure)
      try {
        const result = await work(on(client, this.#schema, this.#prepared()), unsure)
        client.release()
        this.#downSince = null
        return result
      } catch (error) {
        const lost = isLost(error)
        client.release(lost)
        if (lost) unsure = true
        else if (!isConflict(error) || tries > conflicts) throw unavailable(error)
        if (lost && this.#late(unsure)) throw unavailable(error, doubt)
      }
      await pause(Math.random() * Math.min(20 * tries, 250))
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

  async #connect(unsure: boolean): Promise<PoolClient> {
    for (let tries = 1; ; tries++) {
      if (this.#closing !== null) throw new UketsukeError('temporarily-unavailable', 'The store is closed.')
      try {
        return await this.#pool.connect()
      } catch (error) {
        // A connection that did not come in its time has been waited for already.
        if (!isLost(error) || (isTooLate(error) && !unsure) || this.#late(unsure)) {
          throw notNow(error, unsure ? doubt : '')
        }
      }
      await pause(Math.random() * Math.min(20 * tries, 250))
    }
  }

  /** Told from the first failure since the last success: while the server is down, verbs behind one another do not each wait anew. */
  #late(unsure: boolean): boolean {
    this.#downSince ??= performance.now()
    return performance.now() - this.#downSince > (unsure ? patienceInDoubt : patience)
  }

  close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    return this.#closing
  }
}

const doubt = ' Whether what was under way has been stored is not known.'

/** Queries are written for the schema `uketsuke`; another one's name is put in its place. */
export const inSchema = (schema: string, text: string): string =>
  schema === 'uketsuke' ? text : text.replaceAll(/\buketsuke\b/g, `"${schema}"`)

function on(client: PoolClient, schema: string, prepared: Prepared | null): Sql {
  const send = (query: string, parameters: readonly Parameter[]) => {
    const text = inSchema(schema, query)
    return client.query<Row>({ name: prepared?.nameOf(text), text, values: parameters.map(bound) })
  }
  return {
    query: async (text, parameters) => (await send(text, parameters)).rows.map(decode),
    ...(prepared && { follow: (text, parameters) => void send(text, parameters).catch(() => {}) }),
    async script(text) {
      await client.query(inSchema(schema, text))
    },
  }
}

function bound(value: Parameter) {
  if (typeof value !== 'object' || value === null) return encode(value)
  return Buffer.isBuffer(value) ? value : value.map(encode)
}
