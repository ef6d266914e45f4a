import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { type Message, parsedBody } from './node-body.ts'
import { isGone } from './node-http-response.ts'

/**
 * What `authenticate` is shown on Node: a Request to all who use it as one. Making a real one costs a good part of a 202, and most
 * look at a header field only, so it is made when something is asked for that cannot be told without.
 */
export class NodeRequest {
  readonly #req: Message
  readonly #res: ServerResponse
  #headers: Headers | null = null
  #signal: AbortSignal | null = null
  /** The real one, once it was needed; the body is its from then on. */
  made: Request | null = null

  constructor(req: Message, res: ServerResponse) {
    this.#req = req
    this.#res = res
  }

  get method(): string {
    return this.#req.method ?? 'GET'
  }

  get url(): string {
    return urlOf(this.#req.url ?? '/', originOf(this.#req))?.href ?? `${originOf(this.#req)}/`
  }

  get headers(): Headers {
    if (this.#headers !== null) return this.#headers
    const headers = new Headers()
    const { rawHeaders } = this.#req
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
      // HTTP/2 has pseudo header fields.
      if (!name.startsWith(':')) headers.append(name, value)
    }
    this.#headers = headers
    return headers
  }

  /** Aborts when the client goes away before it has its answer. */
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
        value(...given: unknown[]) {
          return value.apply(this.real, given)
        },
      }
  Object.defineProperty(NodeRequest.prototype, name, own)
}

/** Null where it is no URL, or may be read in two ways: a URL takes a backslash for a slash, a proxy may not. */
export function urlOf(target: string, origin: string): URL | null {
  const whole = target.startsWith('/') ? `${origin}${target}` : target
  if (target.split('?', 1)[0]?.includes('\\') || !URL.canParse(whole)) return null
  return new URL(whole)
}

function originOf({ headers, socket, scheme: told }: IncomingMessage & { scheme?: string }): string {
  // HTTP/2 tells it in a pseudo header field.
  const scheme = told ?? ('encrypted' in socket && socket.encrypted ? 'https' : 'http')
  // HTTP/1.0 may come without a Host, HTTP/2 has another name for it.
  const origin = `${scheme}://${headers.host ?? headers[':authority'] ?? 'localhost'}`
  return URL.canParse(origin) ? origin : `${scheme}://localhost`
}
