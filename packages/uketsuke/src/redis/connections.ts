import type { Clock } from '../base/clock.ts'
import type { Finding } from '../base/finding.ts'
import type { Log } from '../base/log.ts'
import { type Client, loadClient, type RedisSettings } from './client.ts'
import { RedisConnection } from './connection.ts'
import { diagnose } from './diagnose.ts'

interface RedisConnectionsParts {
  settings: RedisSettings
  clock: Clock
  log: Log
}

type Prepare = (client: Client) => Promise<void>

/** All that one process has with one Redis: a connection for commands and messages, one for each reader, and whether all are up. */
export class RedisConnections {
  readonly prefix: string
  readonly #parts: RedisConnectionsParts
  readonly #prepare: Prepare
  readonly #links = new Set<RedisConnection>()
  readonly #channels = new Map<string, (message: string) => void>()
  /** Of these channels, those that the present connection has joined. */
  readonly #subscribed = new Set<string>()
  readonly #watchers = new Set<(up: boolean) => void>()
  readonly #warned = new Set<string>()
  #open: (() => Client) | null = null
  #main: RedisConnection | null = null
  #state: 'starting' | 'up' | 'down' = 'starting'

  /** `prepare`: what must be done on a new connection before it counts. */
  constructor(parts: RedisConnectionsParts, prepare: Prepare) {
    this.prefix = parts.settings.prefix
    this.#parts = parts
    this.#prepare = prepare
  }

  /** Rejects only where @redis/client is missing: a dead Redis is waited for elsewhere. Idempotent. */
  async start(): Promise<void> {
    this.#open ??= await loadClient(this.#parts.settings)
    this.#main ??= this.#link(
      async (client) => {
        await this.#examine(client)
        await this.#prepare(client)
        this.#subscribed.clear()
        for (const channel of this.#channels.keys()) await this.#join(client, channel)
      },
      // Whoever came between the last of these and this moment.
      { ping: true, up: () => void this.#joinLate() },
    )
  }

  /** Whether all connections of this process are up. While they are not, the store is asked instead. */
  get up(): boolean {
    return this.#state === 'up'
  }

  /** Rejects at once where Redis is down, and soon where it does not answer. */
  ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    return this.#main?.ask(question) ?? Promise.reject(new Error('not started'))
  }

  /** Redis answered, but refuses what it is for: no connection like this one is of use. */
  refuse(error: unknown): void {
    this.#main?.drop(error instanceof Error ? error : new Error(String(error)))
  }

  /** A connection of its own, for commands that block. `up` is called whenever it is. */
  link(up: () => void): RedisConnection {
    return this.#link(async () => {}, { ping: false, up })
  }

  async unlink(link: RedisConnection): Promise<void> {
    this.#links.delete(link)
    await link.close()
    this.#look()
  }

  /** One listener a channel; it survives reconnects, in which messages are lost. Resolves when it hears, or will after the next connect. */
  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    this.#channels.set(channel, listener)
    await this.#joinAll()
  }

  /** What was said to a channel while it was being joined is made good by looking, as after any change. */
  async #joinLate(): Promise<void> {
    const before = this.#subscribed.size
    await this.#joinAll()
    if (this.up && this.#subscribed.size > before) for (const watcher of this.#watchers) watcher(true)
  }

  async #joinAll(): Promise<void> {
    const missing = [...this.#channels.keys()].filter((channel) => !this.#subscribed.has(channel))
    // Where this fails, the next connection subscribes.
    await Promise.all(missing.map((channel) => this.ask((client) => this.#join(client, channel)))).catch(() => {})
  }

  async #join(client: Client, channel: string): Promise<void> {
    this.#subscribed.add(channel)
    await client.subscribe(channel, (message) => this.#channels.get(channel)?.(message))
  }

  /** Calls `fn` at every change of `up`, and again where something may have been missed. */
  watch(fn: (up: boolean) => void): () => void {
    this.#watchers.add(fn)
    return () => void this.#watchers.delete(fn)
  }

  async close(): Promise<void> {
    this.#watchers.clear()
    this.#state = 'down'
    await Promise.all([...this.#links].map((link) => link.close()))
  }

  #link(prepare: Prepare, { ping, up }: { ping: boolean; up?: () => void }): RedisConnection {
    const {
      clock,
      settings: { timeout },
    } = this.#parts
    const open = this.#open
    if (open === null) throw new Error('The connections was not started.')
    const link = new RedisConnection({
      open,
      prepare,
      clock,
      timeout,
      ping,
      up: () => {
        this.#look()
        up?.()
      },
      down: (reason) => this.#look(reason),
    })
    this.#links.add(link)
    return link
  }

  /** One line each way, however many connections come and go. */
  #look(reason?: Error): void {
    const up = [...this.#links].every((link) => link.up)
    const { log, settings } = this.#parts
    if (up && this.#state !== 'up') {
      log.info({ redis: settings.shown }, this.#state === 'down' ? 'Redis is back' : 'Redis is connected')
      this.#state = 'up'
    } else if (reason !== undefined && this.#state !== 'down') {
      const lost = 'Redis cannot be used: until it is back, the store is asked instead'
      log.warn({ redis: settings.shown, reason: reason.message }, lost)
      this.#state = 'down'
    } else return
    for (const watcher of this.#watchers) watcher(up)
  }

  async #examine(client: Client): Promise<void> {
    const findings = await diagnose(client).catch((error: Error): Finding[] => {
      // What is needed at run time is another matter, which the first of its commands tells.
      if (!error.message.startsWith('NOPERM')) throw error
      return [
        { level: 'warn', message: 'This user may not run INFO: the version and settings of Redis are not checked.' },
      ]
    })
    for (const { level, message } of findings) {
      if (level === 'fail') throw new Error(message)
      if (level === 'ok' || this.#warned.has(message)) continue
      this.#warned.add(message)
      this.#parts.log.warn({ redis: this.#parts.settings.shown }, message)
    }
  }
}
