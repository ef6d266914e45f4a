import { UketsukeError } from '../domain/errors.ts'
import { normalizePath } from './base-path.ts'

/** A request, by whatever server it came. */
export interface HttpRequest {
  readonly method: string
  /** As a URL has it: dot segments are resolved, percent signs stand. */
  readonly path: string
  /** The path before a router cut off what it is mounted at, where the server keeps it. */
  readonly uncut?: string
  readonly query: URLSearchParams
  /** The name in lower case. */
  header(name: string): string | null
  /** The whole body. @throws `payload-too-large`; anything else means that it broke off */
  read(maxBytes: number): Promise<Uint8Array>
  /** Calls `fn` when the client goes away, at once where it has; the returned function takes that back. */
  onGone(fn: () => void): () => void
  /** What `authenticate` is shown. */
  readonly request: Request
}

/** Method and path: what a log may know of a request, and the route in the scope of an idempotency key. */
export function where({ method, path }: HttpRequest): string {
  return `${method} ${normalizePath(path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)}`
}

export const bodyTooLarge = (maxBytes: number) =>
  new UketsukeError('payload-too-large', `The body may have ${maxBytes} bytes.`)

/** The sentence is for whoever wrote the server: no client can do anything about it. */
export const bodyAlreadyRead = () =>
  new UketsukeError(
    'invalid-configuration',
    'The request body was read before it reached the jobs API. Mount the jobs API before body parsers, or set `body` on the Node ' +
      'request to what they parsed; in authenticate(), read `request.clone()`.',
  )

/** From a web-standard server. */
export function fromFetchRequest(request: Request): HttpRequest {
  if (typeof request?.url !== 'string' || typeof request.headers?.get !== 'function') {
    throw new UketsukeError(
      'invalid-configuration',
      'jobs.fetch() and jobs.accept() take a web-standard Request; for the request of node:http there is nodeListener() of uketsuke/node.',
    )
  }
  const { pathname, searchParams } = new URL(request.url)
  return {
    method: request.method,
    path: pathname,
    query: searchParams,
    request,
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
  // A server enforces Content-Length, so this cannot grow past it; and it is twice as fast as a stream.
  if (request.headers.has('content-length')) {
    const whole = new Uint8Array(await request.arrayBuffer())
    if (whole.byteLength > maxBytes) throw bodyTooLarge(maxBytes)
    return whole
  }
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop by a throw cancels the stream.
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw bodyTooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
