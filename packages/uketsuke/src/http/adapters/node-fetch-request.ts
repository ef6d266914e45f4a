import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { type Message, parsedBody } from './node-body.ts'
import { isGone } from './node-http-response.ts'

/**
 * The `Request` for `authenticate` on Node.js. Creating a real one takes a considerable part of the time of a 202, and most
 * `authenticate` functions only read a header field. So the real one is created only for members that need it.
 */
export class NodeRequest {
  readonly #req: Message
  readonly #res: ServerResponse
  readonly #target: string | undefined
  #headers: Headers | null = null
  #signal: AbortSignal | null = null
  /** The real request, if it was needed. From then on it owns the body. */
  made: Request | null = null

  /** `target`: the path and query, if not those of `req`. */
  constructor(req: Message, res: ServerResponse, target?: string) {
    this.#req = req
    this.#res = res
    this.#target = target
  }

  get method(): string {
    return this.#req.method ?? 'GET'
  }

  get url(): string {
    return urlOf(this.#target ?? this.#req.url ?? '/', originOf(this.#req))?.href ?? `${originOf(this.#req)}/`
  }

  get headers(): Headers {
    if (this.#headers !== null) return this.#headers
    const headers = new Headers()
    const { rawHeaders } = this.#req
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
      // Skip the pseudo-header fields of HTTP/2.
      if (!name.startsWith(':')) headers.append(name, value)
    }
    this.#headers = headers
    return headers
  }

  /** Aborts when the client disconnects before the response is complete. */
  get signal(): AbortSignal {
    if (this.#signal !== null) return this.#signal
    const gone = new AbortController()
    const close = () => {
      if (!this.#res.writableFinished) gone.abort()
    }
    this.#res.on('close', close)
    if (isGone(this.#res)) close()
    this.#signal = gone.signal
    return gone.signal
  }

  get real(): Request {
    const { method, url, headers, signal } = this
    const bodied = method !== 'GET' && method !== 'HEAD'
    this.made ??= new Request(url, { method, headers, signal, ...(bodied && { body: this.#body(), duplex: 'half' }) })
    return this.made
  }

  #body(): BodyInit {
    const parsed = parsedBody(this.#req)
    return parsed === null ? (Readable.toWeb(this.#req) as ReadableStream) : new Uint8Array(parsed)
  }
}

Object.setPrototypeOf(NodeRequest.prototype, Request.prototype)

for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))) {
  if (Object.hasOwn(NodeRequest.prototype, name)) continue
  const own: PropertyDescriptor & ThisType<NodeRequest> = get
    ? {
        get() {
          return Reflect.get(this.real, name)
        },
      }
    : {
        value(...args: unknown[]) {
          return value.apply(this.real, args)
        },
      }
  Object.defineProperty(NodeRequest.prototype, name, own)
}

/** Null for an invalid or ambiguous URL: `URL` treats a backslash as a slash, and a proxy may not. */
export function urlOf(target: string, origin: string): URL | null {
  const whole = target.startsWith('/') ? `${origin}${target}` : target
  if (target.split('?', 1)[0]?.includes('\\') || !URL.canParse(whole)) return null
  return new URL(whole)
}

function originOf({ headers, socket, scheme: pseudoScheme }: IncomingMessage & { scheme?: string }): string {
  // HTTP/2 has the scheme in a pseudo-header field.
  const scheme = pseudoScheme ?? ('encrypted' in socket && socket.encrypted ? 'https' : 'http')
  // HTTP/1.0 may omit Host, and HTTP/2 uses `:authority`.
  const origin = `${scheme}://${headers.host ?? headers[':authority'] ?? 'localhost'}`
  return URL.canParse(origin) ? origin : `${scheme}://localhost`
}
