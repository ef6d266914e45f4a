import type { Clock } from '../base/clock.ts'
import { PacedWriter } from './paced-writer.ts'
import type { HttpResponse, Sink, Streamed } from './response.ts'

/** Shorter bodies are written at once: they fit into the socket's buffers. */
const pacedBytes = 64 << 10

/** Writes a large body with backpressure, and drops a stalled reader, which would otherwise keep the body in memory. */
export function pacedResponse(response: HttpResponse, clock: Clock): HttpResponse {
  if (typeof response.body !== 'string' || response.body.length < pacedBytes) return response
  const bytes = Buffer.from(response.body)
  const headers = { ...response.headers, 'Content-Length': String(bytes.length) }
  return { ...response, headers, body: new LongBody(clock, bytes) }
}

class LongBody implements Streamed {
  readonly #writer: PacedWriter
  readonly #bytes: Uint8Array

  constructor(clock: Clock, bytes: Uint8Array) {
    this.#writer = new PacedWriter(clock, () => {})
    this.#bytes = bytes
  }

  open(sink: Sink): void {
    this.#writer.open(sink)
    this.#writer.end(this.#bytes)
  }

  drained(): void {
    this.#writer.drained()
  }

  close(): void {
    this.#writer.close()
  }
}
