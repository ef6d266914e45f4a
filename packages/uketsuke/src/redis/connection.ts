import { type Clock, sleep } from '../base/clock.ts'
import type { Client } from './client.ts'

interface ConnectionParts {
  open(): Client
  /** Runs on a new connection. The connection is up when it resolves. */
  prepare(client: Client): Promise<void>
  clock: Clock
  /** Time limit of one response in milliseconds. */
  timeout: number
  /** Whether to send pings while idle. Not used with blocking commands, which have deadlines of their own. */
  ping: boolean
  up(): void
  down(reason: Error): void
}

const firstWait = 50
const longestWait = 2_000

/**
 * One connection that reconnects automatically. Callers never wait for it: requests are rejected immediately while it
 * is down, and a late response means that the connection is dead. A half-open socket is therefore detected by the next
 * request.
 */
export class RedisConnection {
  readonly #parts: ConnectionParts
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #client: Client | null = null
  #fail: (reason: Error) => void = () => {}
  #respondedAt = 0

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#running = this.#run()
  }

  get up(): boolean {
    return this.#client !== null
  }

  /**
   * Runs a command. Drops the connection if no response arrives in time. `blocking` is the additional time in
   * milliseconds that the server may take, for example for BLOCK.
   */
  async ask<T>(command: (client: Client) => Promise<T>, blocking = 0): Promise<T> {
    const client = this.#client
    if (client === null) throw new Error('not connected')
    const response = await this.#within(command(client), blocking + this.#parts.timeout, (late) => this.#fail(late))
    this.#respondedAt = this.#parts.clock.now()
    return response
  }

  /** Reconnects, because the server turned out to be unusable. */
  drop(reason: Error): void {
    if (this.up) this.#fail(reason)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#fail(new Error('closed'))
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    let wait = firstWait
    while (!this.#closing.signal.aborted) {
      const began = clock.now()
      const reason = await this.#live()
      if (this.#closing.signal.aborted) return
      this.#parts.down(reason)
      // The wait is reset after a stable connection and doubles after each short-lived one.
      wait = clock.now() - began > 10_000 ? firstWait : Math.min(wait * 2, longestWait)
      await sleep(clock, wait * (0.5 + Math.random() / 2), this.#closing.signal, {
        background: true,
      })
    }
  }

  /** The lifetime of one connection. Resolves with the reason for its end. */
  async #live(): Promise<Error> {
    const client = this.#parts.open()
    client.unref()
    const over = new AbortController()
    const ended = new Promise<Error>((resolve) => {
      this.#fail = resolve
      // Without this listener, an error event would end the process.
      client.on('error', resolve)
    })
    try {
      const connected = client.connect().then(() => this.#parts.prepare(client))
      // If the other promise wins the race, this must not become an unhandled rejection.
      connected.catch(() => {})
      const failed = await Promise.race([this.#within(connected, this.#parts.timeout * 2), ended])
      if (failed instanceof Error) return failed
      this.#client = client
      this.#parts.up()
      if (this.#parts.ping) void this.#ping(over.signal)
      return await ended
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    } finally {
      over.abort()
      this.#client = null
      this.#fail = () => {}
      if (client.isOpen) client.destroy()
    }
  }

  /** Detects a dead connection while it is idle. */
  async #ping(over: AbortSignal): Promise<void> {
    const { clock, timeout } = this.#parts
    while (!over.aborted) {
      await sleep(clock, timeout, over, { background: true })
      if (over.aborted || clock.now() - this.#respondedAt < timeout) continue
      await this.ask((client) => client.ping()).catch(() => {})
    }
  }

  async #within<T>(answer: Promise<T>, ms: number, late: (error: Error) => void = () => {}): Promise<T> {
    let cancel = () => {}
    const deadline = new Promise<never>((_, reject) => {
      cancel = this.#parts.clock.after(
        ms,
        () => {
          const error = new Error(`no response within ${ms} ms`)
          late(error)
          reject(error)
        },
        { background: true },
      )
    })
    try {
      return await Promise.race([answer, deadline])
    } finally {
      cancel()
    }
  }
}
