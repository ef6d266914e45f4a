import type { ServerResponse } from 'node:http'
import { bodyAlreadyRead, bodyTooLarge, bytes, type HttpRequest } from '../request.ts'
import { collect, type Message, parsedBody } from './node-body.ts'
import { NodeRequest, urlOf } from './node-fetch-request.ts'
import { isGone } from './node-http-response.ts'

/** From `node:http`, read where it lies. */
export class NodeHttpRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly #req: Message
  readonly #res: ServerResponse
  #request: NodeRequest | null = null

  constructor(req: Message, res: ServerResponse) {
    this.#req = req
    this.#res = res
    this.method = req.method ?? 'GET'
    const { path, query } = parse(req.url ?? '/')
    this.path = path
    this.query = query
  }

  /** Routers in the manner of Connect cut `url` and keep `originalUrl`. */
  get uncut(): string {
    const { originalUrl } = this.#req
    return typeof originalUrl === 'string' ? parse(originalUrl).path : this.path
  }

  get request(): Request {
    this.#request ??= new NodeRequest(this.#req, this.#res)
    return this.#request as unknown as Request
  }

  header(name: string): string | null {
    // Whoever parsed the body has unpacked it.
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
    // Whoever had a Request made, to clone it, has put the stream into it.
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

/** Of the request line. What a URL would change is left to `URL`; what is none has a path that no route has. */
function parse(target: string): Pick<HttpRequest, 'path' | 'query'> {
  const [, plain, search] = /^(\/[\w/-]*)(?:\?([^#]*))?$/.exec(target) ?? []
  if (plain !== undefined) return { path: plain, query: search ? new URLSearchParams(search) : none }
  const url = urlOf(target, 'http://localhost')
  return url === null ? { path: '', query: none } : { path: url.pathname, query: url.searchParams }
}
