import { type Clock, sleep } from '../base/clock.ts'
import type { Client } from './client.ts'

interface LinkParts {
  open(): Client
  /** What must be right before the link counts as up. */
  prepare(client: Client): Promise<void>
  clock: Clock
  /** Milliseconds for one answer. */
  timeout: number
  /** Whether a silence is filled with pings. Not where commands block: each has its own deadline. */
  ping: boolean
  up(): void
  down(reason: Error): void
}

const firstWait = 50
const longestWait = 2_000

/**
 * One connection that always comes back. It is up or not, and nothing ever waits for it: what is asked while it is down is refused at
 * once, and an answer that is late counts as a dead connection. So a half-open socket is found by the next question.
 */
export class RedisConnection {
  readonly #parts: LinkParts
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #client: Client | null = null
  #fail: (reason: Error) => void = () => {}
  #answered = 0

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.#running = this.#run()
  }

  get up(): boolean {
    return this.#client !== null
  }

  /** `longer`: what the server itself may take before it answers, such as a BLOCK. Gives up the connection where no answer came. */
  async ask<T>(question: (client: Client) => Promise<T>, longer = 0): Promise<T> {
    const client = this.#client
    if (client === null) throw new Error('not connected')
    const answer = await this.#within(question(client), longer + this.#parts.timeout, (late) => this.#fail(late))
    this.#answered = this.#parts.clock.now()
    return answer
  }

  /** Connects anew: the server at the other end turned out to be of no use. */
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
      // One that holds for a while begins anew; one that flaps is left alone for longer each time.
      wait = clock.now() - began > 10_000 ? firstWait : Math.min(wait * 2, longestWait)
      await sleep(clock, wait * (0.5 + Math.random() / 2), this.#closing.signal, {
        background: true,
      })
    }
  }

  /** One connection from its beginning to its end, which is told. */
  async #live(): Promise<Error> {
    const client = this.#parts.open()
    client.unref()
    const over = new AbortController()
    const ended = new Promise<Error>((resolve) => {
      this.#fail = resolve
      // An emitter without this listener would take the process down.
      client.on('error', resolve)
    })
    try {
      const connected = client.connect().then(() => this.#parts.prepare(client))
      // The loser of the race must not be an unhandled rejection.
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

  /** A silence may be a dead connection: nobody would be told. */
  async #ping(over: AbortSignal): Promise<void> {
    const { clock, timeout } = this.#parts
    while (!over.aborted) {
      await sleep(clock, timeout, over, { background: true })
      if (over.aborted || clock.now() - this.#answered < timeout) continue
      await this.ask((client) => client.ping()).catch(() => {})
    }
  }

  async #within<T>(answer: Promise<T>, ms: number, late: (error: Error) => void = () => {}): Promise<T> {
    let cancel = () => {}
    const deadline = new Promise<never>((_, reject) => {
      cancel = this.#parts.clock.after(
        ms,
        () => {
          const error = new Error(`no answer within ${ms} ms`)
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
