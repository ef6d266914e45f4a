import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { Wakeup } from '../base/wakeup.ts'
import type { RedisConnection } from '../redis/connection.ts'
import type { RedisConnections } from '../redis/connections.ts'
import type { Store } from '../store/port.ts'
import type { Claimed, Receiver, Subscription } from './port.ts'
import * as streams from './redis-entries.ts'

export interface ReaderParts {
  connections: RedisConnections
  store: Store
  clock: Clock
  /** After how many milliseconds an entry that was read and not settled is taken over. */
  takeOverAfter: number
  /** Tells the receivers of this queue in every process to look. */
  wakeAll(): void
}

const blockMs = 2_000
const forgetAfter = 600_000

/** Reads for one lane of one worker, while Redis is up and the lane has room; otherwise the store's own news are passed on. */
export class StreamReader implements Receiver {
  readonly #parts: ReaderParts
  readonly #reception: Subscription
  readonly #keys: readonly string[]
  readonly #consumer = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  readonly #bell = new Wakeup()
  readonly #link: RedisConnection
  readonly #unwatch: () => void
  readonly #running: Promise<void>
  /** Hinted at, and not settled: in the order of the hints. */
  #held: streams.StreamEntry[] = []
  #room = 0
  /** The last claim gave less than was announced: the streams may be behind the store, and are caught up with in larger steps. */
  #behind = false
  #upkeepAt = 0
  #closed = false
  #unfollow: (() => void) | null = null
  #settling: Promise<void> = Promise.resolve()

  constructor(parts: ReaderParts, reception: Subscription) {
    this.#parts = parts
    this.#reception = reception
    this.#keys = streams.keysOf(parts.connections.prefix, reception.queue)
    this.#unwatch = parts.connections.watch((up) => this.#changed(up))
    // Until Redis is up, and whenever it is not.
    if (!parts.connections.up) this.#changed(false)
    this.#link = parts.connections.link(this.#bell.notify)
    this.#running = this.#run()
  }

  ready({ seen, found, room }: Claimed): void {
    const done = this.#held.splice(0, seen)
    this.#behind = found < seen && room > 0
    this.#room = room
    // With room left all that was due has been found; without, the claim may have ended too early for the last of them.
    if (done.length > 0) this.#settle(done, room > 0 ? [] : done.slice(found))
    this.#bell.notify()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unwatch()
    this.#unfollow?.()
    await this.#parts.connections.unlink(this.#link)
    this.#bell.notify()
    await this.#running
    await this.#settling
    // What was on its way here when the connection ended is still this consumer's.
    await this.#parts.connections
      .ask(async (client) => {
        const left = await streams.ownPending(client, this.#keys, this.#consumer)
        if (left.length > 0) await streams.acknowledge(client, left, left)
        await Promise.all(this.#keys.map((key) => streams.deleteConsumer(client, key, this.#consumer)))
      })
      .catch(() => {})
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      while (this.#mayRead()) await this.#turn()
      await this.#bell.wait()
    }
  }

  #mayRead(): boolean {
    return !this.#closed && this.#parts.connections.up && this.#link.up && this.#room > 0 && this.#held.length === 0
  }

  async #turn(): Promise<void> {
    const count = this.#behind ? Math.max(this.#room, 256) : this.#room
    try {
      let found = await this.#upkeep(count)
      if (found.length === 0) {
        const read = streams.read
        found = await this.#link.ask((client) => read(client, this.#keys, this.#consumer, count, blockMs), blockMs)
      }
      if (found.length > 0) this.#take(found)
    } catch (error) {
      await this.#recover(error)
    }
  }

  #take(found: readonly streams.StreamEntry[]): void {
    const { types, hint } = this.#reception
    const known = found.filter(({ type }) => types.includes(type))
    if (known.length < found.length) {
      // Another program's job, which its workers have not heard of: handing it back might bring it here for ever.
      this.#settle(
        found.filter((one) => !known.includes(one)),
        [],
      )
      this.#parts.wakeAll()
    }
    if (known.length === 0) return
    this.#held.push(...known)
    if (!this.#closed) hint(known.length)
  }

  /** Now and then: what a dead worker read is read again, and dead workers are forgotten. */
  async #upkeep(count: number): Promise<streams.StreamEntry[]> {
    const { connections, clock, takeOverAfter } = this.#parts
    if (clock.now() < this.#upkeepAt) return []
    this.#upkeepAt = clock.now() + takeOverAfter * (0.5 + Math.random())
    return connections.ask(async (client) => {
      await Promise.all(this.#keys.map((key) => streams.dismissIdle(client, key, forgetAfter)))
      return streams.claimAbandoned(client, this.#keys, this.#consumer, takeOverAfter, count)
    })
  }

  /** The streams or their groups are gone: made anew, and since hints went with them, everybody looks. */
  async #recover(error: unknown): Promise<void> {
    if (!this.#link.up) return
    const { message } = error as Error
    if (!/NOGROUP|UNBLOCKED|no longer exists/.test(message)) return this.#link.drop(error as Error)
    await this.#parts.connections
      .ask(async (client) => {
        if (await streams.ensureGroups(client, this.#keys)) this.#parts.wakeAll()
      })
      .catch((failed: unknown) => this.#link.drop(failed as Error))
  }

  /** What cannot be settled now is taken over later, by whoever comes. */
  #settle(done: readonly streams.StreamEntry[], handOn: readonly streams.StreamEntry[]): void {
    const settled = this.#parts.connections.ask((client) => streams.acknowledge(client, done, handOn)).catch(() => {})
    this.#settling = Promise.all([this.#settling, settled]).then(() => {})
  }

  #changed(up: boolean): void {
    this.#unfollow?.()
    this.#unfollow = up ? null : this.#parts.store.onForeignCommit(() => this.#reception.hint())
    // Whatever was announced in between.
    this.#reception.hint()
    this.#bell.notify()
  }
}
