import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { AskedByRoute } from './accept.ts'

/** What the adapters need of `createJobs()`. */
export interface JobsOverHttp {
  fetch(request: Request): Promise<Response>
  accept(request: Request, asked: AskedByRoute): Promise<Response>
  readonly basePath: string
}

/** For `http.createServer`: answers every request with the jobs API. */
export function nodeListener(jobs: Pick<JobsOverHttp, 'fetch'>): (req: IncomingMessage, res: ServerResponse) => void {
  return listen((request) => jobs.fetch(request))
}

/** From a fetch handler to Node. What it is given never rejects. */
export function listen(answer: (request: Request) => Promise<Response>) {
  const listener = getRequestListener(
    async (request, { outgoing }) => cutWhenDropped(await answer(request), outgoing),
    // A library leaves the globals of its host alone. HTTP/1.0 may come without a Host.
    { overrideGlobalObjects: false, hostname: 'localhost' },
  )
  return (req: IncomingMessage, res: ServerResponse): void => void listener(req, res)
}

/**
 * A stream that fails while its reader takes nothing must cut the connection at once: node-server would first wait for the reader,
 * then write the error into the stream.
 */
function cutWhenDropped(response: Response, outgoing: { destroy(): unknown }): Response {
  const reader = response.headers.get('content-type') === 'text/event-stream' ? response.body?.getReader() : undefined
  if (reader === undefined) return response
  reader.closed.catch(() => outgoing.destroy())
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Once it has failed the connection is gone, and nobody waits for an answer.
        const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }) as const)
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, response)
}
