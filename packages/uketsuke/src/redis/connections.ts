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

/**
 * All connections of one process to one Redis server: one for commands and messages, and one for each stream reader.
 */
export class RedisConnections {
  readonly prefix: string
  readonly #parts: RedisConnectionsParts
  readonly #prepare: Prepare
  readonly #connections = new Set<RedisConnection>()
  readonly #channels = new Map<string, (message: string) => void>()
  /** The channels that the current connection has subscribed to. */
  readonly #subscribed = new Set<string>()
  readonly #watchers = new Set<(up: boolean) => void>()
  readonly #warned = new Set<string>()
  #open: (() => Client) | null = null
  #main: RedisConnection | null = null
  #state: 'starting' | 'up' | 'down' = 'starting'

  /** `prepare` runs on each new main connection before it counts as up. */
  constructor(parts: RedisConnectionsParts, prepare: Prepare) {
    this.prefix = parts.settings.prefix
    this.#parts = parts
    this.#prepare = prepare
  }

  /** Rejects only if @redis/client is not installed. An unreachable Redis is retried in the background. Idempotent. */
  async start(): Promise<void> {
    this.#open ??= await loadClient(this.#parts.settings)
    this.#main ??= this.#link(
      async (client) => {
        await this.#check(client)
        await this.#prepare(client)
        this.#subscribed.clear()
        for (const channel of this.#channels.keys()) await this.#subscribe(client, channel)
      },
      // Channels that were added after the loop above.
      { ping: true, up: () => void this.#subscribeLate() },
    )
  }

  /** Whether all connections of this process are up. Otherwise, callers use the store instead. */
  get up(): boolean {
    return this.#state === 'up'
  }

  /** Runs a command. Rejects immediately if Redis is down, and after the timeout if it does not respond. */
  ask<T>(command: (client: Client) => Promise<T>): Promise<T> {
    return this.#main?.ask(command) ?? Promise.reject(new Error('not started'))
  }

  /** Reports that Redis responds but rejects a required command, so that the connection is useless. */
  refuse(error: unknown): void {
    this.#main?.drop(error instanceof Error ? error : new Error(String(error)))
  }

  /** Opens a separate connection for blocking commands. `up` is called each time it connects. */
  link(up: () => void): RedisConnection {
    return this.#link(async () => {}, { ping: false, up })
  }

  async unlink(connection: RedisConnection): Promise<void> {
    this.#connections.delete(connection)
    await connection.close()
    this.#update()
  }

  /**
   * Sets the listener of a channel. It survives reconnects, during which messages are lost. Resolves when it is
   * subscribed, or when it will be after the next connect.
   */
  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    this.#channels.set(channel, listener)
    await this.#subscribeAll()
  }

  /** Messages that were lost while subscribing are made up for by calling the watchers, which read the store. */
  async #subscribeLate(): Promise<void> {
    const before = this.#subscribed.size
    await this.#subscribeAll()
    if (this.up && this.#subscribed.size > before) for (const watcher of this.#watchers) watcher(true)
  }

  async #subscribeAll(): Promise<void> {
    const missing = [...this.#channels.keys()].filter((channel) => !this.#subscribed.has(channel))
    // If this fails, the next connection subscribes.
    await Promise.all(missing.map((channel) => this.ask((client) => this.#subscribe(client, channel)))).catch(() => {})
  }

  async #subscribe(client: Client, channel: string): Promise<void> {
    this.#subscribed.add(channel)
    await client.subscribe(channel, (message) => this.#channels.get(channel)?.(message))
  }

  /** Calls `fn` at every change of `up`, and when messages may have been missed. */
  watch(fn: (up: boolean) => void): () => void {
    this.#watchers.add(fn)
    return () => void this.#watchers.delete(fn)
  }

  async close(): Promise<void> {
    this.#watchers.clear()
    this.#state = 'down'
    await Promise.all([...this.#connections].map((connection) => connection.close()))
  }

  #link(prepare: Prepare, { ping, up }: { ping: boolean; up?: () => void }): RedisConnection {
    const {
      clock,
      settings: { timeout },
    } = this.#parts
    const open = this.#open
    if (open === null) throw new Error('The Redis connections have not been started.')
    const connection = new RedisConnection({
      open,
      prepare,
      clock,
      timeout,
      ping,
      up: () => {
        this.#update()
        up?.()
      },
      down: (reason) => this.#update(reason),
    })
    this.#connections.add(connection)
    return connection
  }

  /** Logs one line per state change, regardless of the number of connections. */
  #update(reason?: Error): void {
    const up = [...this.#connections].every((connection) => connection.up)
    const { log, settings } = this.#parts
    if (up && this.#state !== 'up') {
      log.info({ redis: settings.shown }, this.#state === 'down' ? 'Redis is available again' : 'Redis is connected')
      this.#state = 'up'
    } else if (reason !== undefined && this.#state !== 'down') {
      const lost = 'Redis is unavailable; polling the store until it is available again'
      log.warn({ redis: settings.shown, reason: reason.message }, lost)
      this.#state = 'down'
    } else return
    for (const watcher of this.#watchers) watcher(up)
  }

  async #check(client: Client): Promise<void> {
    const findings = await diagnose(client).catch((error: Error): Finding[] => {
      // INFO is optional. Missing permissions for required commands are found at their first use.
      if (!error.message.startsWith('NOPERM')) throw error
      return [
        {
          level: 'warn',
          message: 'The Redis user is not permitted to run INFO: the version and settings of Redis are not checked.',
        },
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
