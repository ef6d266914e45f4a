import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Answer, Streamed } from './answer.ts'

/** Writes an answer as it is. */
export function send({ status, headers, body }: Answer, req: IncomingMessage, res: ServerResponse): void {
  if (typeof body === 'object' && body !== null) stream(body, status, headers, res)
  else if (body === null) res.writeHead(status, headers).end()
  else write(status, headers, body, res)
  dismiss(req)
}

function write(status: number, headers: Answer['headers'], body: string, res: ServerResponse): void {
  const fields: string[] = []
  for (const name in headers) fields.push(name, headers[name] as string)
  fields.push('Content-Length', String(Buffer.byteLength(body)))
  res.writeHead(status, fields).end(body)
}

function stream(body: Streamed, status: number, headers: Answer['headers'], res: ServerResponse): void {
  if (res.destroyed) {
    // Its `close` has been and gone.
    body.close()
    return
  }
  res.writeHead(status, headers)
  res.on('drain', () => body.drained())
  res.on('close', () => body.close())
  // What is written to a connection that has just broken fails; its `close` follows.
  res.on('error', ignore)
  body.open(res)
  body.drained()
}

/** Writes the response of somebody else's fetch handler. A body that fails cuts the connection. */
export async function relay(response: Response, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) headers['set-cookie'] = cookies
  res.writeHead(response.status, headers)
  res.on('finish', () => dismiss(req))
  if (response.body === null) res.end()
  else await pipeline(Readable.fromWeb(response.body as ReadableStream), res)
}

/** How long the sender of a body that nobody wants has to look at the answer, in milliseconds. */
const patience = 500

/** A connection that is cut while its client still sends may take the answer with it, so the rest is read, for a moment. */
function dismiss(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return
  const timer = setTimeout(() => req.socket.destroy(), patience).unref()
  req.on('close', () => clearTimeout(timer))
  req.resume()
}

const ignore = () => {}
