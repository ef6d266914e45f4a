import type { Client } from 'pg'
import { clearTimeout, performance, setTimeout } from '../../base/timers.ts'
import { advisoryKey } from './exclusive-lock.ts'

/**
 * Most processes follow no job of another process, so most changes need no notification. Every process that follows jobs holds a shared
 * advisory lock; the others look now and then whether somebody does.
 */
const lockOf = (schema: string): string => advisoryKey(`uketsuke followed in ${schema}`)

/** How long what was found is used, and after how long it is looked up again, in milliseconds. */
const fresh = 1_000
const renewAfter = 500
/** When a process that begins to follow polls, in milliseconds: others may not know for as long as `fresh`. */
const catchUpAt = [100, 300, fresh + 100]
/** How long the lock is kept after the last follower has left, in milliseconds. */
const linger = 30_000

/** Whether another process follows jobs. Unknown counts as yes. */
export class Audience {
  readonly #look: (sql: string) => Promise<Record<string, unknown>[]>
  readonly #sql: string
  #followed = true
  #seenAt = Number.NEGATIVE_INFINITY
  #looking = false

  constructor(schema: string, look: (sql: string) => Promise<Record<string, unknown>[]>) {
    this.#look = look
    this.#sql = `SELECT NOT pg_try_advisory_xact_lock(${lockOf(schema)}) AS followed`
  }

  get isFollowing(): boolean {
    const age = performance.now() - this.#seenAt
    if (age > renewAfter && !this.#looking) void this.#renew()
    return this.#followed || age > fresh
  }

  async #renew(): Promise<void> {
    this.#looking = true
    const asked = performance.now()
    try {
      const [row] = await this.#look(this.#sql)
      this.#followed = row?.followed === true
      this.#seenAt = asked
    } catch {
      // Then it counts as unknown.
    }
    this.#looking = false
  }
}

/** Tells the others that this process follows jobs, over its listening connection. */
export class Following {
  readonly #poll: () => void
  readonly #timers = new Set<NodeJS.Timeout>()
  #followers = 0
  #client: Client | null = null
  #lock = ''
  #held = false

  constructor(poll: () => void) {
    this.#poll = poll
  }

  /** The connection that listens; null while there is none. */
  set connection(given: { client: Client; schema: string } | null) {
    this.#client = given?.client ?? null
    this.#lock = given === null ? '' : lockOf(given.schema)
    this.#held = false
    if (this.#followers > 0) this.#hold()
  }

  /** Adds a follower. The returned function removes it. */
  add(): () => void {
    this.#followers++
    this.#hold()
    return () => {
      this.#followers--
      this.#later(linger, () => this.#release())
    }
  }

  #hold(): void {
    if (this.#held || this.#client === null) return
    this.#held = true
    const catchUp = () => {
      for (const ms of catchUpAt) this.#later(ms, this.#poll)
    }
    this.#client.query(`SELECT pg_advisory_lock_shared(${this.#lock})`).then(catchUp, () => {})
  }

  #release(): void {
    if (this.#followers > 0 || !this.#held) return
    this.#held = false
    this.#client?.query(`SELECT pg_advisory_unlock_shared(${this.#lock})`).catch(() => {})
  }

  #later(ms: number, fn: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, ms)
    this.#timers.add(timer.unref())
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
