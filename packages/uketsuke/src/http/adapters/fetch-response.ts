import { queueMicrotask } from '../../base/timers.ts'
import type { HttpResponse, Streamed } from '../response.ts'

/** An answer as a web-standard server wants it. */
export function toFetchResponse({ status, headers, body }: HttpResponse): Response {
  return new Response(typeof body === 'object' && body !== null ? readable(body) : body, { status, headers })
}

/** Nothing is written before the reader asks for it. */
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
        destroy: () => controller.error(new Error('the reader took nothing for too long')),
      })
    },
    pull() {
      // Not at once: `enqueue` may ask for more before it returns.
      queueMicrotask(() => body.drained())
    },
    cancel: () => body.close(),
  }
  return new ReadableStream(source, { highWaterMark: 0 })
}
