import type { IncomingMessage, ServerResponse } from 'node:http'
import { bytes, type Incoming, tooLarge } from './incoming.ts'
import { NodeRequest, urlOf } from './node-request.ts'

/** Express's `rawBody`: the bytes that a parser before us has taken from the stream. */
export type Message = IncomingMessage & { rawBody?: unknown }

/** From `node:http`, read where it lies. */
export class NodeIncoming implements Incoming {
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

  get request(): Request {
    this.#request ??= new NodeRequest(this.#req, this.#res)
    return this.#request as unknown as Request
  }

  header(name: string): string | null {
    const value = this.#req.headers[name]
    return (Array.isArray(value) ? value.join(', ') : value) ?? null
  }

  onGone(fn: () => void): () => void {
    this.#res.on('close', fn)
    if (this.#res.destroyed) fn()
    return () => this.#res.off('close', fn)
  }

  async read(maxBytes: number): Promise<Uint8Array> {
    // Whoever had a Request made, to clone it, has put the stream into it.
    const made = this.#request?.made
    return made ? bytes(made, maxBytes) : collect(this.#req, maxBytes)
  }
}

function collect(req: Message, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size <= maxBytes) return
      req.off('data', take)
      reject(tooLarge(maxBytes))
    }
    const whole = () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    if (req.rawBody instanceof Buffer) take(req.rawBody)
    // Another has read it to its end.
    if (req.rawBody instanceof Buffer || req.readableEnded) return whole()
    req.on('data', take).on('end', whole).on('error', reject)
    const gone = () => {
      if (!req.readableEnded) reject(new Error('The client went away.'))
    }
    req.on('close', gone)
    if (req.destroyed) gone()
  })
}

const none = new URLSearchParams()

/** Of the request line. What a URL would change is left to `URL`; what is none has a path that no route has. */
function parse(target: string): Pick<Incoming, 'path' | 'query'> {
  const [, plain, search] = /^(\/[\w/-]*)(?:\?([^#]*))?$/.exec(target) ?? []
  if (plain !== undefined) return { path: plain, query: search ? new URLSearchParams(search) : none }
  const url = urlOf(target, 'http://localhost')
  return url === null ? { path: '', query: none } : { path: url.pathname, query: url.searchParams }
}
