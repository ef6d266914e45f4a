import type { ServerResponse } from 'node:http'
import { bodyAlreadyRead, bodyTooLarge, bytes, type HttpRequest } from '../request.ts'
import { collect, type Message, parsedBody } from './node-body.ts'
import { NodeRequest, urlOf } from './node-fetch-request.ts'
import { isGone } from './node-http-response.ts'

/** Adapts a request of `node:http` without copying it. */
export class NodeHttpRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly identify: HttpRequest['identify']
  readonly #req: Message
  readonly #res: ServerResponse
  #request: NodeRequest | null = null

  constructor(req: Message, res: ServerResponse, identify?: HttpRequest['identify']) {
    this.identify = identify
    this.#req = req
    this.#res = res
    this.method = req.method ?? 'GET'
    const { path, query } = parse(req.url ?? '/')
    this.path = path
    this.query = query
  }

  /** Connect-style routers strip `url` and keep `originalUrl`. */
  get uncut(): string {
    const { originalUrl } = this.#req
    return typeof originalUrl === 'string' ? parse(originalUrl).path : this.path
  }

  get native(): unknown {
    return this.#req
  }

  get request(): Request {
    this.#request ??= new NodeRequest(this.#req, this.#res)
    return this.#request as unknown as Request
  }

  header(name: string): string | null {
    // The body parser has decoded the body.
    if (name === 'content-encoding' && this.#req.body !== undefined && this.#req.readableDidRead) return null
    const value = this.#req.headers[name]
    return (Array.isArray(value) ? value.join(', ') : value) ?? null
  }

  onGone(fn: () => void): () => void {
    this.#res.on('close', fn)
    if (isGone(this.#res)) fn()
    return () => this.#res.off('close', fn)
  }

  async read(maxBytes: number): Promise<Uint8Array> {
    // If a real `Request` was created, for example to clone it, it owns the stream.
    const made = this.#request?.made
    if (made?.bodyUsed) throw bodyAlreadyRead()
    if (made) return bytes(made, maxBytes)
    const parsed = parsedBody(this.#req)
    if (parsed === null) return collect(this.#req, maxBytes)
    if (parsed.length > maxBytes) throw bodyTooLarge(maxBytes)
    return parsed
  }
}

const none = new URLSearchParams()

/** Parses the request target. `URL` handles targets that need normalization. An invalid target gets a path that matches no route. */
function parse(target: string): Pick<HttpRequest, 'path' | 'query'> {
  const [, plain, search] = /^(\/[\w/-]*)(?:\?([^#]*))?$/.exec(target) ?? []
  if (plain !== undefined) return { path: plain, query: search ? new URLSearchParams(search) : none }
  const url = urlOf(target, 'http://localhost')
  return url === null ? { path: '', query: none } : { path: url.pathname, query: url.searchParams }
}
