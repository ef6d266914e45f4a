import { createReadStream } from 'node:fs'
import type { FileData } from '../definition/context.ts'
import { UketsukeError } from '../domain/errors.ts'

/** @throws `invalid-file` for anything else */
export function chunksOf(data: FileData): AsyncIterable<Uint8Array> {
  if (typeof data === 'string') return single(Buffer.from(data))
  if (ArrayBuffer.isView(data)) return single(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  if (data instanceof ArrayBuffer) return single(new Uint8Array(data))
  if (data instanceof URL && data.protocol === 'file:') return createReadStream(data)
  if (data instanceof Blob) return data.stream() as unknown as AsyncIterable<Uint8Array>
  if (typeof (data as AsyncIterable<Uint8Array>)?.[Symbol.asyncIterator] === 'function') {
    return bytesOf(data as AsyncIterable<unknown>)
  }
  throw new UketsukeError('invalid-file', 'files.save() takes bytes, a text, a Blob, a stream or a file: URL.')
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function* bytesOf(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (typeof chunk === 'string') yield Buffer.from(chunk)
    else if (chunk instanceof Uint8Array) yield chunk
    else throw new UketsukeError('invalid-file', 'A stream that is saved as a file must consist of bytes or texts.')
  }
}
