import type { Clock } from '../base/clock.ts'
import type { Sink } from './response.ts'

/** How long a reader may stall, in milliseconds. */
const stallMs = 30_000
/** Large bodies are written in pieces of this size, so that a slow reader that makes progress does not count as stalled. */
const pieceBytes = 64 << 10

/**
 * Writes to one reader with backpressure, and destroys the connection of a reader that stalls: while data is written, and after the
 * last byte until the sink closes. Keeps references to the pending chunks, never copies.
 */
export class PacedWriter {
  readonly #clock: Clock
  readonly #dropped: () => void
  /** Null before `open()` and after `close()`. */
  #sink: Sink | null = null
  #waiting: Uint8Array[] = []
  #blocked = true
  #ending = false
  #ended = false
  #cancelStall: (() => void) | null = null

  /** `dropped` is called after the connection of a stalled reader is destroyed. */
  constructor(clock: Clock, dropped: () => void) {
    this.#clock = clock
    this.#dropped = dropped
  }

  /** Writing starts with the first `drained()`. */
  open(sink: Sink): void {
    this.#sink = sink
    this.#watch()
  }

  /** Whether the reader has consumed everything written and the writer accepts more. */
  get ready(): boolean {
    return this.#sink !== null && !this.#blocked && !this.#ending && this.#waiting.length === 0
  }

  write(chunk: Uint8Array): void {
    this.#waiting.push(chunk)
    this.#pump()
  }

  /** Ends the body after all pending chunks are written. */
  end(last?: Uint8Array): void {
    if (last !== undefined) this.#waiting.push(last)
    this.#ending = true
    this.#pump()
  }

  /** The reader accepts more data. */
  drained(): void {
    this.#blocked = false
    this.#relax()
    this.#pump()
  }

  /** The sink closed: the body is complete, or the reader disconnected. */
  close(): Sink | null {
    const sink = this.#sink
    this.#sink = null
    this.#waiting = []
    this.#relax()
    return sink
  }

  /** Destroys the connection. */
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

  /** The reader may still have to read what the sink buffers. The sink closes after that. */
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
