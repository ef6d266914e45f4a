import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { clearTimeout, setTimeout } from '../../base/timers.ts'
import type { HttpResponse, Sink, Streamed } from '../response.ts'
import { isReceived } from './node-body.ts'

/** Writes an answer as it is. */
export function send({ status, headers, body }: HttpResponse, req: IncomingMessage, res: ServerResponse): void {
  // Set one by one: middleware that wraps `writeHead` or `end` reads and changes them where every other handler's are.
  res.statusCode = status
  for (const name in headers) res.setHeader(name, headers[name] as string)
  if (typeof body === 'object' && body !== null) stream(body, res)
  else if (body === null) res.end()
  else {
    res.setHeader('Content-Length', String(Buffer.byteLength(body)))
    res.end(body)
  }
  dismiss(req, res)
}

function stream(body: Streamed, res: ServerResponse): void {
  if (isGone(res)) {
    // Its `close` has been and gone.
    body.close()
    return
  }
  res.flushHeaders()
  res.on('drain', () => body.drained())
  res.on('close', () => body.close())
  // What is written to a connection that has just broken fails; its `close` follows.
  res.on('error', ignore)
  body.open(sinkOf(res))
  body.drained()
}

/** A wrapper around `write` may forget to say whether there is room for more. */
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

/** Writes the response of somebody else's fetch handler. A body that fails cuts the connection. */
export async function sendFetchResponse(response: Response, req: IncomingMessage, res: ServerResponse): Promise<void> {
  res.statusCode = response.status
  for (const [name, value] of response.headers) if (name !== 'set-cookie') res.setHeader(name, value)
  // Those of earlier middleware stay.
  const before = [res.getHeader('set-cookie') ?? []].flat().map(String)
  const cookies = [...before, ...response.headers.getSetCookie()]
  if (cookies.length > 0) res.setHeader('set-cookie', cookies)
  res.on('finish', () => dismiss(req, res))
  if (response.body === null) res.end()
  else {
    res.flushHeaders()
    await pipeline(Readable.fromWeb(response.body as ReadableStream), res)
  }
}

/** Whether nobody is there to be answered any more. HTTP/2's response has a stream instead of a connection. */
export function isGone(res: ServerResponse & { stream?: { destroyed: boolean } }): boolean {
  return res.destroyed || res.stream?.destroyed === true
}

/** How long the sender of a body that nobody wants has to look at the answer, in milliseconds. */
const patience = 500

/** A connection that is cut while its client still sends may take the answer with it, so the rest is read, for a moment. */
function dismiss(req: IncomingMessage, res: ServerResponse): void {
  if (isReceived(req) || req.destroyed) return
  const timer = setTimeout(() => {
    // The stream of HTTP/2 is one of many on its connection.
    if ('stream' in res) res.destroy()
    else req.socket.destroy()
  }, patience).unref()
  for (const over of ['end', 'close']) req.on(over, () => clearTimeout(timer))
  req.resume()
}

const ignore = () => {}
