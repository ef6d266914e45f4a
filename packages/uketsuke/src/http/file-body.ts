import type { Clock } from '../base/clock.ts'
import { PacedWriter } from './paced-writer.ts'
import type { Sink, Streamed } from './response.ts'

/** Sends a file with backpressure: one chunk is in memory at a time. A reader that stalls is dropped. */
export class FileBody implements Streamed {
  readonly #writer: PacedWriter
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #failed: (error: unknown) => void
  readonly #ended: () => void
  #reading = false
  #over = false

  /** `over` is called once, when the body has ended in any way. */
  constructor(clock: Clock, data: AsyncIterable<Uint8Array>, failed: (error: unknown) => void, over = () => {}) {
    this.#writer = new PacedWriter(clock, () => this.#stop())
    this.#chunks = data[Symbol.asyncIterator]()
    this.#failed = failed
    this.#ended = over
  }

  open(sink: Sink): void {
    this.#writer.open(sink)
  }

  drained(): void {
    this.#writer.drained()
    void this.#pump()
  }

  close(): void {
    this.#writer.close()
    this.#stop()
  }

  async #pump(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      while (!this.#over && this.#writer.ready) {
        const { done, value } = await this.#chunks.next()
        if (this.#over) break
        if (done === true) {
          this.#over = true
          this.#writer.end()
          this.#ended()
        } else this.#writer.write(value)
      }
    } catch (error) {
      // The status was sent: an incomplete body is all that can tell the client.
      this.#failed(error)
      this.#writer.drop()
      this.#stop()
    } finally {
      this.#reading = false
    }
  }

  #stop(): void {
    if (this.#over) return
    this.#over = true
    this.#ended()
    this.#chunks.return?.()?.catch(() => {})
  }
}
