import type { Log } from '../base/log.ts'
import { UketsukeError } from '../domain/errors.ts'
import { normalizePath } from './base-path.ts'
import type { Identified } from './identified.ts'

/** A request, independent of the server that received it. */
export interface HttpRequest {
  readonly method: string
  /** The path of the URL: dot segments are resolved, percent-encoding is kept. */
  readonly path: string
  /** The path before a router stripped its mount path, if the server keeps it. */
  readonly uncut?: string
  readonly query: URLSearchParams
  /** Returns a header field. `name` must be lower case. */
  header(name: string): string | null
  /** Reads the whole body. @throws `payload-too-large`; any other error means that the body is incomplete */
  read(maxBytes: number): Promise<Uint8Array>
  /** Calls `fn` when the client disconnects, or immediately if it already has. Returns a function that unsubscribes. */
  onGone(fn: () => void): () => void
  /** The request for `authenticate`. */
  readonly request: Request
  /** The request of the server itself. */
  readonly native: unknown
  /** Identifies the caller without `authenticate`. */
  readonly identify?: (() => Identified | Promise<Identified>) | undefined
}

/** Method and path, for logs and for the scope of an idempotency key. */
export function where({ method, path }: HttpRequest): string {
  return `${method} ${normalizePath(path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)}`
}

export const bodyTooLarge = (maxBytes: number) =>
  new UketsukeError('payload-too-large', `The request body must not exceed ${maxBytes} bytes.`)

/** A programming error in the server, which no client can fix. */
export const bodyAlreadyRead = () =>
  new UketsukeError(
    'invalid-configuration',
    'The request body was consumed before the request reached the jobs API. Mount the jobs API before body parsers, or set `body` ' +
      'on the Node.js request to the parsed value. In authenticate(), read the body of `request.clone()`.',
  )

/** Adapts a web-standard `Request`. */
export function fromFetchRequest(request: Request): HttpRequest {
  if (typeof request?.url !== 'string' || typeof request.headers?.get !== 'function') {
    throw new UketsukeError(
      'invalid-configuration',
      'jobs.fetch() and jobs.accept() require a web-standard Request. For requests of node:http, use nodeListener() from uketsuke/node.',
    )
  }
  const { pathname, searchParams } = new URL(request.url)
  return {
    method: request.method,
    path: pathname,
    query: searchParams,
    request,
    native: request,
    header: (name) => request.headers.get(name),
    read: (maxBytes) => bytes(request, maxBytes),
    onGone: (fn) => aborted(request.signal, fn),
  }
}

function aborted(signal: AbortSignal, fn: () => void): () => void {
  signal.addEventListener('abort', fn)
  if (signal.aborted) fn()
  return () => signal.removeEventListener('abort', fn)
}

/** @throws `payload-too-large` */
export async function bytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.bodyUsed) throw bodyAlreadyRead()
  // The server enforces Content-Length, so the body cannot exceed it. This is twice as fast as reading a stream.
  if (request.headers.has('content-length')) {
    const whole = new Uint8Array(await request.arrayBuffer())
    if (whole.byteLength > maxBytes) throw bodyTooLarge(maxBytes)
    return whole
  }
  const chunks: Uint8Array[] = []
  let size = 0
  // Throwing inside the loop cancels the stream.
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw bodyTooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** The logger for a request: with its `X-Request-Id`, if a proxy or a client gave it one. */
export function logOf({ log }: { log: Log }, request: HttpRequest): Log {
  const requestId = request.header('x-request-id')
  return requestId !== null && /^[\x21-\x7e]{1,128}$/.test(requestId) ? log.child({ requestId }) : log
}
