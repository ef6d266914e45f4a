import type { Clock } from '../base/clock.ts'
import { queueMicrotask } from '../base/timers.ts'
import type { LiveOutput } from '../definition/context.ts'
import { UketsukeError } from '../domain/errors.ts'
import { chunkKey, chunkKind, headerKind, headerText, numberKey, type StreamMode } from '../domain/live-output.ts'
import type { OutputFeed } from '../output/feed.ts'
import type { NewFragment } from '../store/fragments.ts'
import type { Store } from '../store/port.ts'
import type { HeldJob } from './lease.ts'
import { serializeOutput } from './output.ts'
import { whileHeld } from './while-held.ts'

/** The minimum interval between two commits for one job, in milliseconds. */
const interval = 50
/** What waits for its commit before `write` holds the handler up, and the largest fragment, in bytes. */
const [highWater, fragmentBytes] = [1 << 20, 256 << 10]

export interface LiveOutputParts {
  readonly store: Pick<Store, 'addFragments' | 'fragments'>
  readonly clock: Clock
  readonly outputFeed: OutputFeed
  /** The maximum sizes of one chunk and of all, in bytes. */
  readonly chunkBytes: number
  readonly streamBytes: number
}

/** Writes what a handler produces bit by bit: at once, then what has come in each interval, in one commit. */
export class OutputWriter implements LiveOutput {
  readonly #held: HeldJob
  readonly #parts: LiveOutputParts
  readonly #mode: StreamMode
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** All that was written, and what of it is stored, in bytes. */
  #total = 0
  #stored = 0
  #number: number | null = null
  #lastCommit = Number.NEGATIVE_INFINITY
  #cancelTimer: (() => void) | null = null
  #committing: Promise<void> | null = null
  #error: unknown = null
  #ended = false

  constructor(held: HeldJob, parts: LiveOutputParts, mode: StreamMode) {
    this.#held = held
    this.#parts = parts
    this.#mode = mode
  }

  readonly write = (chunk: unknown): Promise<void> => {
    if (this.#error !== null) throw this.#error
    // A stray timer of an ended run: throwing there would end the process.
    if (this.#ended) return Promise.resolve()
    this.#held.throwIfAborted()
    const bytes = this.#encoded(chunk)
    if (bytes.length === 0) return Promise.resolve()
    const { chunkBytes, streamBytes } = this.#parts
    if (bytes.length > chunkBytes) throw tooLong('A chunk of the live output', bytes.length, chunkBytes)
    if (this.#total + bytes.length > streamBytes)
      throw tooLong('The live output', this.#total + bytes.length, streamBytes)
    this.#total += bytes.length
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    this.#schedule()
    return this.#waitingBytes < highWater ? Promise.resolve() : (this.#committing ?? Promise.resolve())
  }

  /** @throws `invalid-output` */
  #encoded(chunk: unknown): Buffer {
    if (this.#mode === 'json') {
      // A message ends with a comma, so that messages in a row are the inside of an array.
      return Buffer.from(`${serializeOutput(chunk, this.#parts.chunkBytes, 'A message of the live output')},`)
    }
    if (this.#mode === 'text' && typeof chunk === 'string') return Buffer.from(chunk)
    if (this.#mode === 'binary' && ArrayBuffer.isView(chunk)) {
      return Buffer.from(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    }
    const wanted = this.#mode === 'text' ? 'a string' : 'a Uint8Array'
    throw new UketsukeError(
      'invalid-output',
      `output.write() takes ${wanted}, because the type has stream: '${this.#mode}'.`,
    )
  }

  #schedule(): void {
    if (this.#cancelTimer !== null || this.#committing !== null) return
    const wait = this.#lastCommit + interval - this.#parts.clock.now()
    if (wait > 0) this.#cancelTimer = this.#parts.clock.after(wait, () => this.#start())
    else {
      // What a handler writes in one turn is one chunk.
      this.#cancelTimer = () => {}
      queueMicrotask(() => this.#start())
    }
  }

  #start(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    if (this.#committing !== null || this.#waiting.length === 0) return
    this.#committing = this.#commit()
      .catch((error: unknown) => {
        this.#error ??= error
      })
      .finally(() => {
        this.#committing = null
        if (this.#waiting.length > 0 && this.#error === null) this.#schedule()
      })
  }

  async #commit(): Promise<void> {
    const { store, clock, outputFeed } = this.#parts
    const { lease } = this.#held
    const fragments: NewFragment[] = []
    this.#number ??= await this.#next()
    if (this.#stored === 0) {
      const { worker, startedAt } = this.#held.job
      const header = headerText({ mode: this.#mode, worker: worker ?? '', startedAt })
      fragments.push({ lease, kind: headerKind, key: numberKey(this.#number), value: header })
    }
    let end = this.#stored
    for (const part of this.#pieces()) {
      end += part.length
      const value = part.toString(this.#mode === 'binary' ? 'base64' : 'utf8')
      fragments.push({ lease, kind: chunkKind(this.#number), key: chunkKey(end), value })
    }
    this.#waiting = []
    this.#waitingBytes = 0
    const stored = await whileHeld(this.#held, clock, () => store.addFragments(fragments))
    if (stored.includes(false)) {
      this.#held.abort('lease-lost')
      this.#held.throwIfAborted()
    }
    this.#stored = end
    this.#lastCommit = clock.now()
    outputFeed.wrote(lease.id)
  }

  /** What waits, in pieces of a limited size. A chunk is never divided, so that every read ends with a whole one. */
  *#pieces(): Generator<Buffer> {
    let piece: Buffer[] = []
    let size = 0
    for (const chunk of this.#waiting) {
      if (size > 0 && size + chunk.length > fragmentBytes) {
        yield Buffer.concat(piece)
        piece = []
        size = 0
      }
      piece.push(chunk)
      size += chunk.length
    }
    yield Buffer.concat(piece)
  }

  /** One more than the last stream of the job, but not less than the number of the attempt. */
  async #next(): Promise<number> {
    const { store, clock } = this.#parts
    const { id: jobId, owner, attempt } = this.#held.job
    const query = { owner, jobId, kind: headerKind, after: null, descending: true, limit: 1 }
    const [last] = await whileHeld(this.#held, clock, () => store.fragments(query))
    return Math.max(attempt, Number(last?.key ?? 0) + 1)
  }

  /** Stores what waits. Nothing can be written after that. @throws why something could not be stored */
  async finish(): Promise<void> {
    this.#ended = true
    while (this.#error === null && (this.#committing !== null || this.#waiting.length > 0)) {
      this.#start()
      await this.#committing
    }
    if (this.#error !== null) throw this.#error
  }
}

const tooLong = (what: string, bytes: number, most: number) =>
  new UketsukeError('output-too-long', `${what} has ${bytes} bytes, and at most ${most} are allowed.`)
