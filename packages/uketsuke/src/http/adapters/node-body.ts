import type { IncomingMessage } from 'node:http'
import { setImmediate } from '../../base/timers.ts'
import { bodyAlreadyRead, bodyTooLarge } from '../request.ts'

/** A request that a body parser may have processed: it sets `rawBody` to the bytes or `body` to the parsed value. */
export type Message = IncomingMessage & {
  body?: unknown
  rawBody?: unknown
  originalUrl?: unknown
  stream?: { endAfterHeaders?: boolean; aborted?: boolean; rstCode?: number }
}

/** Whether the whole request has been received. In HTTP/2, `complete` means that the stream was read to its end. */
export function isReceived(req: Message): boolean {
  return req.complete || req.readableEnded || req.stream?.endAfterHeaders === true
}

/**
 * The bytes of a body that a parser consumed, or null if the stream still has them. A parser that did not consume the body, such as
 * body-parser for another media type, may set `body` nevertheless.
 * @throws `invalid-configuration` if the body was consumed and is not available
 */
export function parsedBody(req: Message): Buffer | null {
  if (Buffer.isBuffer(req.rawBody)) return req.rawBody
  if (!wasRead(req)) return null
  const { body } = req
  if (body === undefined) throw bodyAlreadyRead()
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Whether other code has read a non-empty body. */
function wasRead(req: Message): boolean {
  const empty = req.headers['content-length'] === '0' || isBodiless(req)
  return req.readableDidRead && !empty
}

const isBodiless = ({ headers, stream }: Message) =>
  stream === undefined
    ? headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
    : stream.endAfterHeaders === true

/** Reads the whole body from the stream. @throws `payload-too-large`; any other error means that the body is incomplete */
export function collect(req: Message, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size <= maxBytes) return
      req.off('data', take)
      reject(bodyTooLarge(maxBytes))
    }
    const finish = () => {
      if (req.aborted || req.stream?.aborted || req.stream?.rstCode) reject(new Error('The client disconnected.'))
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    }
    // HTTP/2 emits `end` for an aborted stream, too, and reports the abort a moment later.
    const onEnd = () => (req.stream === undefined ? finish() : void setImmediate(finish))
    if (req.readableEnded) return onEnd()
    req.on('data', take).on('end', onEnd).on('error', reject)
    const gone = () => {
      if (!req.readableEnded) reject(new Error('The client disconnected.'))
    }
    req.on('close', gone)
    if (req.destroyed) gone()
  })
}
