import type { Clock } from '../base/clock.ts'
import type { Sink } from './response.ts'

/** How long a reader may take nothing of what it was sent, in milliseconds. */
const stallMs = 30_000
/** So much is written at a time: a reader that takes a part of a long body has not stalled. */
const pieceBytes = 64 << 10

/**
 * Writes to one reader, no faster than it reads, and cuts the connection of one that has stalled: while something is written, and
 * after the last byte until the sink says that it is closed. It holds references to what is to be written, never a copy.
 */
export class PacedWriter {
  readonly #clock: Clock
  readonly #dropped: () => void
  /** Null before it is opened and after it is closed. */
  #sink: Sink | null = null
  #waiting: Uint8Array[] = []
  #blocked = true
  #ending = false
  #ended = false
  #cancelStall: (() => void) | null = null

  /** `dropped` is called when the reader has stalled, after its connection was cut. */
  constructor(clock: Clock, dropped: () => void) {
    this.#clock = clock
    this.#dropped = dropped
  }

  /** Nothing is written before the first `drained()`. */
  open(sink: Sink): void {
    this.#sink = sink
    this.#watch()
  }

  /** Whether the reader has taken all that was written, and more may be. */
  get ready(): boolean {
    return this.#sink !== null && !this.#blocked && !this.#ending && this.#waiting.length === 0
  }

  write(chunk: Uint8Array): void {
    this.#waiting.push(chunk)
    this.#pump()
  }

  /** Ends the body once all of it is written. */
  end(last?: Uint8Array): void {
    if (last !== undefined) this.#waiting.push(last)
    this.#ending = true
    this.#pump()
  }

  /** The reader takes more. */
  drained(): void {
    this.#blocked = false
    this.#relax()
    this.#pump()
  }

  /** The sink is closed: all is written, or the reader has gone. */
  close(): Sink | null {
    const sink = this.#sink
    this.#sink = null
    this.#waiting = []
    this.#relax()
    return sink
  }

  /** Cuts the connection. */
  drop(): void {
    this.close()?.destroy()
  }

  #pump(): void {
    const sink = this.#sink
    while (sink !== null && this.#sink === sink && !this.#blocked) {
      const [chunk] = this.#waiting
      if (chunk === undefined) {
        if (this.#ending) this.#finish(sink)
        return
      }
      const piece = chunk.subarray(0, pieceBytes)
      if (piece.length === chunk.length) this.#waiting.shift()
      else this.#waiting[0] = chunk.subarray(piece.length)
      this.#blocked = !sink.write(piece)
    }
    this.#watch()
  }

  /** What the sink has buffered is still to be read: it calls `close()` when it was. */
  #finish(sink: Sink): void {
    this.#blocked = true
    this.#watch()
    if (this.#ended) return
    this.#ended = true
    sink.end()
  }

  #watch(): void {
    if (this.#sink === null || !this.#blocked) return
    this.#cancelStall ??= this.#clock.after(stallMs, () => {
      this.drop()
      this.#dropped()
    })
  }

  #relax(): void {
    this.#cancelStall?.()
    this.#cancelStall = null
  }
}
