import type { IncomingMessage } from 'node:http'
import { setImmediate } from '../../base/timers.ts'
import { bodyAlreadyRead, bodyTooLarge } from '../request.ts'

/** What a parser before us may have left: the bytes as `rawBody`, or what it made of them as `body`. */
export type Message = IncomingMessage & {
  body?: unknown
  rawBody?: unknown
  originalUrl?: unknown
  stream?: { endAfterHeaders?: boolean; aborted?: boolean; rstCode?: number }
}

/** Whether all of the request has arrived. `complete` means something else in HTTP/2: that somebody has read it to its end. */
export function isReceived(req: Message): boolean {
  return req.complete || req.readableEnded || req.stream?.endAfterHeaders === true
}

/**
 * The bytes of a body that a parser has taken from the stream; null where the stream still has it. A parser that left the body alone,
 * as body-parser does with a media type that is not its own, may have set `body` all the same.
 * @throws `invalid-configuration` where it was read and left nowhere
 */
export function parsedBody(req: Message): Buffer | null {
  if (Buffer.isBuffer(req.rawBody)) return req.rawBody
  if (!wasRead(req)) return null
  const { body } = req
  if (body === undefined) throw bodyAlreadyRead()
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Somebody else has read from the stream, and there was something to read. */
function wasRead(req: Message): boolean {
  const empty = req.headers['content-length'] === '0' || isBodiless(req)
  return req.readableDidRead && !empty
}

const isBodiless = ({ headers, stream }: Message) =>
  stream === undefined
    ? headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
    : stream.endAfterHeaders === true

/** The whole body, from the stream. @throws `payload-too-large`; anything else means that it broke off */
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
    const given = () => {
      if (req.aborted || req.stream?.aborted || req.stream?.rstCode) reject(new Error('The client went away.'))
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    }
    // HTTP/2 ends what was cut off, too, and says a moment later that it was.
    const whole = () => (req.stream === undefined ? given() : void setImmediate(given))
    if (req.readableEnded) return whole()
    req.on('data', take).on('end', whole).on('error', reject)
    const gone = () => {
      if (!req.readableEnded) reject(new Error('The client went away.'))
    }
    req.on('close', gone)
    if (req.destroyed) gone()
  })
}
