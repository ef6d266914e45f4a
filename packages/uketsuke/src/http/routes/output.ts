import { UketsukeError } from '../../domain/errors.ts'
import { contentTypes, offsetText } from '../../domain/live-output.ts'
import type { OutputPart, Start } from '../../output/reader.ts'
import type { OpenOutput } from '../../service.ts'
import { FileBody } from '../file-body.ts'
import { preferredWait } from '../headers.ts'
import { outputAnswers, parameter, problems } from '../openapi/responses.ts'
import { nextCursor, outputQuery } from '../output-query.ts'
import { logOf } from '../request.ts'
import type { HttpResponse } from '../response.ts'
import type { RequestContext, Route } from '../route.ts'
import { jsonOf, outputEvents } from '../sse/output-events.ts'

/** How long a long-poll waits without `Prefer: wait`, and the longest silence in a stream, in milliseconds. */
const [pollMs, heartbeatMs] = [20_000, 15_000]

const common = { 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' }

const operation = (operationId: string, summary: string) => ({
  operationId,
  summary: `${summary} The read side of the Durable Streams protocol.`,
  parameters: [parameter.offset, parameter.live, parameter.outputCursor, parameter.prefer, parameter.ifNoneMatch],
  responses: { ...outputAnswers, ...problems(400, 404, 410, 503) },
})

/** The live output of a job: of its present or last run, or of a run by its number. */
export const output: readonly Route[] = [
  {
    method: 'GET',
    path: '/{jobId}/output',
    scope: 'jobs:read',
    query: null,
    produces: null,
    operation: operation('getJobOutput', 'Read or follow the live output of the present or last run of a job.'),
    handle: (context) => respond(context, null),
  },
  {
    method: 'GET',
    path: '/{jobId}/output/{run}',
    scope: 'jobs:read',
    query: null,
    produces: null,
    operation: operation('getJobOutputOfRun', 'Read or follow the live output of one run of a job.'),
    handle: (context) => respond(context, numberOf(context.itemId)),
  },
]

/** @throws `not-found` for what is not the number of a run */
function numberOf(segment: string): number {
  if (/^[1-9]\d{0,6}$/.test(segment)) return Number(segment)
  throw new UketsukeError('not-found')
}

async function respond(context: RequestContext, number: number | null): Promise<HttpResponse> {
  const { service, request, owner, jobId } = context
  if (request.method === 'HEAD') return head(context, number)
  const { start, live, cursor } = outputQuery(request.query, number)
  const gone = new AbortController()
  const open = await service.output(owner, jobId, { number, start, signal: gone.signal })
  if (live === 'sse') return events(context, open, cursor, gone)
  const stop = () => gone.abort()
  const wait = preferredWait(request.header('prefer'))
  const timer = service.clock.after(wait === null ? pollMs : wait * 1_000, stop)
  const cleanUp = [request.onGone(stop), service.drain.onDraining(stop), timer]
  try {
    const waits = live === 'long-poll' && open.part.data.length === 0 && !open.part.closed
    const part = waits ? ((await open.next()) ?? open.part) : open.part
    return live === null ? whole(context, part, number, start) : polled(context, part, cursor)
  } finally {
    for (const fn of cleanUp) fn()
    open.close()
  }
}

const place = (part: OutputPart): Record<string, string> => ({
  ...common,
  'Content-Type': contentTypes[part.mode],
  'Stream-Next-Offset': offsetText(part.next),
  ...(part.upToDate && { 'Stream-Up-To-Date': 'true' }),
  ...(part.closed && { 'Stream-Closed': 'true' }),
})

/** What a client compares with `If-None-Match`: where the part begins and ends, and whether more can come. */
function whole(context: RequestContext, part: OutputPart, number: number | null, start: Start): HttpResponse {
  const { request, service, jobId } = context
  const tag = `"${offsetText(part.next)}-${part.data.length}${part.closed ? '-closed' : ''}"`
  // Where the end is now is not what it will be.
  const caching = { ETag: tag, 'Cache-Control': start === 'now' ? 'no-store' : 'private, no-cache' }
  // A client that asked for the last run learns which one it is.
  const location = number === null && { 'Content-Location': `${service.base}/${jobId}/output/${part.next.number}` }
  const headers = { ...place(part), ...caching, ...location }
  const known = request.header('if-none-match')?.includes(tag) === true
  return known ? { status: 304, headers, body: null } : { status: 200, headers, body: bodyOf(context, part) }
}

function polled(context: RequestContext, part: OutputPart, cursor: number | null): HttpResponse {
  const headers = {
    ...place(part),
    'Cache-Control': 'no-store',
    ...(!part.closed && { 'Stream-Cursor': nextCursor(context.service.clock.now(), cursor) }),
  }
  if (part.data.length === 0) return { status: 204, headers, body: null }
  return { status: 200, headers, body: bodyOf(context, part) }
}

/** Text and JSON are sent as they are; bytes as a stream of one chunk. */
function bodyOf({ service, request }: RequestContext, part: OutputPart): HttpResponse['body'] {
  if (part.mode === 'json') return jsonOf(part.data)
  if (part.mode === 'text') return part.data.toString()
  const failed = (err: unknown) => logOf(service, request).error({ err }, 'sending live output failed')
  return new FileBody(service.clock, single(part.data), failed)
}

async function* single(data: Buffer): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data
}

async function head({ service, owner, jobId }: RequestContext, number: number | null): Promise<HttpResponse> {
  const { signal } = new AbortController()
  const { part } = await service.output(owner, jobId, { number, start: 'now', signal })
  return { status: 200, headers: { ...place(part), 'Cache-Control': 'no-store' }, body: null }
}

/** Server-sent events, until the stream ends, the client has gone, or the server stops. */
function events(
  { service, request, caller, jobId }: RequestContext,
  open: OpenOutput,
  cursor: number | null,
  gone: AbortController,
): HttpResponse {
  if (service.draining.aborted) throw new UketsukeError('temporarily-unavailable', 'The server is shutting down.')
  const stream = service.streams.open(caller)
  const stop = () => gone.abort()
  stream.end = stop
  const cleanUp = [request.onGone(stop), service.drain.onDraining(stop), () => open.close(), () => stream.release()]
  const data = eventsOf(
    open,
    () => nextCursor(service.clock.now(), cursor),
    gone.signal,
    (fn) => service.clock.after(heartbeatMs, fn),
  )
  const failed = (err: unknown) => logOf(service, request).warn({ err, jobId }, 'live output ended early')
  const headers = {
    ...common,
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache, no-store, no-transform',
    'X-Accel-Buffering': 'no',
    ...(open.part.mode === 'binary' && { 'Stream-SSE-Data-Encoding': 'base64' }),
  }
  const body = new FileBody(service.clock, data, failed, () => {
    stop()
    for (const fn of cleanUp) fn()
  })
  return { status: 200, headers, body }
}

async function* eventsOf(
  open: OpenOutput,
  cursor: () => string,
  gone: AbortSignal,
  later: (fn: () => void) => () => void,
): AsyncGenerator<Uint8Array> {
  for (let part: OutputPart | null = open.part; part !== null; ) {
    yield outputEvents(part, cursor())
    if (part.closed || gone.aborted) return
    const next = open.next()
    for (;;) {
      let cancel = () => {}
      const silence = new Promise<'silence'>((resolve) => {
        cancel = later(() => resolve('silence'))
      })
      const came = await Promise.race([next, silence])
      cancel()
      if (came !== 'silence') {
        part = came
        break
      }
      yield Buffer.from(':\n\n')
    }
    // The signal ends the wait without anything new.
    if (gone.aborted) return
  }
}
