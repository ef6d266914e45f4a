import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { clearTimeout, setTimeout } from '../../base/timers.ts'
import type { HttpResponse, Sink, Streamed } from '../response.ts'
import { isReceived } from './node-body.ts'

/** Writes a response. */
export function send({ status, headers, body }: HttpResponse, req: IncomingMessage, res: ServerResponse): void {
  // Set fields one by one: middleware that wraps `writeHead` or `end` expects them in `getHeader` and `setHeader`.
  res.statusCode = status
  for (const name in headers) res.setHeader(name, headers[name] as string)
  if (typeof body === 'object' && body !== null) stream(body, res)
  else if (body === null) res.end()
  else {
    res.setHeader('Content-Length', String(Buffer.byteLength(body)))
    res.end(body)
  }
  discardBody(req, res)
}

function stream(body: Streamed, res: ServerResponse): void {
  if (isGone(res)) {
    // The `close` event was emitted before.
    body.close()
    return
  }
  res.flushHeaders()
  res.on('drain', () => body.drained())
  res.on('close', () => body.close())
  // A write to a broken connection emits `error`, and `close` follows.
  res.on('error', ignore)
  body.open(sinkOf(res))
  body.drained()
}

/** Middleware that wraps `write` may not return its result. */
function sinkOf(res: ServerResponse): Sink {
  return {
    write(chunk) {
      const more: unknown = res.write(chunk)
      return typeof more === 'boolean' ? more : !res.writableNeedDrain
    },
    end: () => res.end(),
    destroy: () => res.destroy(),
  }
}

/** Writes a web-standard `Response`. If its body fails, the connection is destroyed. */
export async function sendFetchResponse(response: Response, req: IncomingMessage, res: ServerResponse): Promise<void> {
  res.statusCode = response.status
  for (const [name, value] of response.headers) if (name !== 'set-cookie') res.setHeader(name, value)
  // Keep the cookies that earlier middleware set.
  const before = [res.getHeader('set-cookie') ?? []].flat().map(String)
  const cookies = [...before, ...response.headers.getSetCookie()]
  if (cookies.length > 0) res.setHeader('set-cookie', cookies)
  res.on('finish', () => discardBody(req, res))
  if (response.body === null) res.end()
  else {
    res.flushHeaders()
    await pipeline(Readable.fromWeb(response.body as ReadableStream), res)
  }
}

/** Whether the client has disconnected. In HTTP/2 a response has a stream instead of a connection. */
export function isGone(res: ServerResponse & { stream?: { destroyed: boolean } }): boolean {
  return res.destroyed || res.stream?.destroyed === true
}

/** How long to keep reading an unread request body after the response, in milliseconds. */
const discardMs = 500

/** Discards the rest of the request body for a moment: closing the connection while the client still sends can lose the response. */
function discardBody(req: IncomingMessage, res: ServerResponse): void {
  if (isReceived(req) || req.destroyed) return
  const timer = setTimeout(() => {
    // In HTTP/2, destroy only this stream: the connection carries others.
    if ('stream' in res) res.destroy()
    else req.socket.destroy()
  }, discardMs).unref()
  for (const over of ['end', 'close']) req.on(over, () => clearTimeout(timer))
  req.resume()
}

const ignore = () => {}
