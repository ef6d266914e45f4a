import { queueMicrotask } from '../../base/timers.ts'
import type { HttpResponse, Streamed } from '../response.ts'

/** Converts a response to a web-standard `Response`. */
export function toFetchResponse({ status, headers, body }: HttpResponse): Response {
  return new Response(typeof body === 'object' && body !== null ? readable(body) : body, { status, headers })
}

/** A pull-based stream: nothing is written before the reader asks for it. */
function readable(body: Streamed): ReadableStream<Uint8Array> {
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start(controller) {
      body.open({
        write(chunk) {
          controller.enqueue(chunk)
          return false
        },
        end() {
          controller.close()
          body.close()
        },
        destroy: () => controller.error(new Error('the reader stalled')),
      })
    },
    pull() {
      // Deferred, because `enqueue` may call `pull` before it returns.
      queueMicrotask(() => body.drained())
    },
    cancel: () => body.close(),
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}
