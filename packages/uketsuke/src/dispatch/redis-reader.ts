import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { Wakeup } from '../base/wakeup.ts'
import type { RedisConnection } from '../redis/connection.ts'
import type { RedisConnections } from '../redis/connections.ts'
import type { Store } from '../store/port.ts'
import type { ClaimResult, Receiver, Subscription } from './port.ts'
import * as streams from './redis-entries.ts'

export interface ReaderParts {
  connections: RedisConnections
  store: Store
  clock: Clock
  /** After how many milliseconds another worker takes over an entry that was read and not acknowledged. */
  takeOverAfter: number
  /** Makes the receivers of this queue in every process poll. */
  wakeAll(): void
}

const blockMs = 2_000
const forgetAfterMs = 600_000

/** See `StreamReader`. */
type State = 'offline' | 'full' | 'delivering' | 'reading' | 'closed'

/**
 * Reads the stream entries for one fetcher.
 *
 *                  entries came                  all claimed
 *     reading ────────────────────▶ delivering ──────────────▶ reading, or full where the worker has no room left
 *        ▲                                                       │
 *        └───────────────────────── room again ──────────────────┘
 *
 * From every state a lost Redis leads to `offline`, where the store's own news of commits is passed on instead. Entries that were
 * delivered stay with this reader until their claim.
 */
export class StreamReader implements Receiver {
  readonly #parts: ReaderParts
  readonly #subscription: Subscription
  readonly #keys: readonly string[]
  readonly #consumer = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  readonly #wakeup = new Wakeup()
  readonly #connection: RedisConnection
  readonly #unwatch: () => void
  readonly #loop: Promise<void>
  /** Hinted at and not yet claimed, in the order of the hints. */
  #delivered: streams.StreamEntry[] = []
  #room = 0
  /** The last claim found less than was announced: the streams may be behind the store, and larger steps catch up. */
  #behind = false
  #maintenanceAt = 0
  #closed = false
  #unlisten: (() => void) | null = null
  #acknowledging: Promise<void> = Promise.resolve()

  constructor(parts: ReaderParts, subscription: Subscription) {
    this.#parts = parts
    this.#subscription = subscription
    this.#keys = streams.keysOf(parts.connections.prefix, subscription.queue)
    this.#unwatch = parts.connections.watch((up) => this.#changed(up))
    if (!parts.connections.up) this.#changed(false)
    this.#connection = parts.connections.link(this.#wakeup.notify)
    this.#loop = this.#run()
  }

  get #state(): State {
    if (this.#closed) return 'closed'
    if (!this.#parts.connections.up || !this.#connection.up) return 'offline'
    if (this.#delivered.length > 0) return 'delivering'
    return this.#room > 0 ? 'reading' : 'full'
  }

  claimed({ hints, found, room }: ClaimResult): void {
    const done = this.#delivered.splice(0, hints)
    this.#behind = found < hints && room > 0
    this.#room = room
    // With room left, the claim has found all that was due. Without, it may have ended before the last of these entries.
    if (done.length > 0) this.#acknowledge(done, room > 0 ? [] : done.slice(found))
    this.#wakeup.notify()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unwatch()
    this.#unlisten?.()
    await this.#parts.connections.unlink(this.#connection)
    this.#wakeup.notify()
    await this.#loop
    await this.#acknowledging
    // Entries that were on their way when the connection ended still belong to this consumer.
    await this.#parts.connections
      .ask(async (client) => {
        const left = await streams.ownPending(client, this.#keys, this.#consumer)
        if (left.length > 0) await streams.acknowledge(client, left, left)
        await Promise.all(this.#keys.map((key) => streams.deleteConsumer(client, key, this.#consumer)))
      })
      .catch(() => {})
  }

  async #run(): Promise<void> {
    while (this.#state !== 'closed') {
      while (this.#state === 'reading') await this.#read()
      await this.#wakeup.wait()
    }
  }

  async #read(): Promise<void> {
    const count = this.#behind ? Math.max(this.#room, 256) : this.#room
    try {
      let found = await this.#maintain(count)
      if (found.length === 0) {
        const read = streams.read
        found = await this.#connection.ask(
          (client) => read(client, this.#keys, this.#consumer, count, blockMs),
          blockMs,
        )
      }
      if (found.length > 0) this.#deliver(found)
    } catch (error) {
      await this.#recover(error)
    }
  }

  #deliver(found: readonly streams.StreamEntry[]): void {
    const { types, hint } = this.#subscription
    const known = found.filter(({ type }) => types.includes(type))
    if (known.length < found.length) {
      // Another program's jobs. Returning the entries might bring them here for ever, so its workers poll instead.
      this.#acknowledge(
        found.filter((one) => !known.includes(one)),
        [],
      )
      this.#parts.wakeAll()
    }
    if (known.length === 0) return
    this.#delivered.push(...known)
    if (!this.#closed) hint(known.length)
  }

  /** Now and then: takes over what a dead worker read, and deletes dead workers' consumers. */
  async #maintain(count: number): Promise<streams.StreamEntry[]> {
    const { connections, clock, takeOverAfter } = this.#parts
    if (clock.now() < this.#maintenanceAt) return []
    this.#maintenanceAt = clock.now() + takeOverAfter * (0.5 + Math.random())
    return connections.ask(async (client) => {
      await Promise.all(this.#keys.map((key) => streams.dismissIdle(client, key, forgetAfterMs)))
      return streams.claimAbandoned(client, this.#keys, this.#consumer, takeOverAfter, count)
    })
  }

  /** Where the streams or their groups are gone, they are made again. Their hints are lost, so every worker polls. */
  async #recover(error: unknown): Promise<void> {
    if (!this.#connection.up) return
    const { message } = error as Error
    if (!/NOGROUP|UNBLOCKED|no longer exists/.test(message)) return this.#connection.drop(error as Error)
    await this.#parts.connections
      .ask(async (client) => {
        if (await streams.ensureGroups(client, this.#keys)) this.#parts.wakeAll()
      })
      .catch((failed: unknown) => this.#connection.drop(failed as Error))
  }

  /** What cannot be acknowledged now is taken over later, by any worker. */
  #acknowledge(done: readonly streams.StreamEntry[], handOn: readonly streams.StreamEntry[]): void {
    const { connections } = this.#parts
    const acknowledged = connections.ask((client) => streams.acknowledge(client, done, handOn)).catch(() => {})
    this.#acknowledging = Promise.all([this.#acknowledging, acknowledged]).then(() => {})
  }

  #changed(up: boolean): void {
    this.#unlisten?.()
    this.#unlisten = up ? null : this.#parts.store.onForeignCommit(() => this.#subscription.hint(), 'work')
    // For what was announced in between.
    this.#subscription.hint()
    this.#wakeup.notify()
  }
}
