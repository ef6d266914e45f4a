import type { Clock } from '../base/clock.ts'
import { PacedWriter } from './paced-writer.ts'
import type { HttpResponse, Sink, Streamed } from './response.ts'

/** Shorter bodies are handed over whole: a socket's buffers take them. */
const longBytes = 64 << 10

/** A body that is long enough for a slow reader to hold on to it is written no faster than it is read. */
export function pacedResponse(answer: HttpResponse, clock: Clock): HttpResponse {
  if (typeof answer.body !== 'string' || answer.body.length < longBytes) return answer
  const bytes = Buffer.from(answer.body)
  const headers = { ...answer.headers, 'Content-Length': String(bytes.length) }
  return { ...answer, headers, body: new LongBody(clock, bytes) }
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
