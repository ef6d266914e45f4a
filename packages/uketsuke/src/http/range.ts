import type { ByteRange } from '../files/port.ts'

/**
 * The part of `size` bytes that a `Range` field asks for (RFC 9110, 14). Null for the whole: without a field, with a malformed one, and with
 * several ranges, which a server may ignore.
 */
export function byteRange(header: string | null, size: number): ByteRange | 'unsatisfiable' | null {
  const [, first = '', last = ''] = /^bytes= *(\d{0,15})-(\d{0,15}) *$/i.exec(header ?? '') ?? []
  if (first === '' && last === '') return null
  if (first === '') {
    const length = Number(last)
    return length === 0 || size === 0 ? 'unsatisfiable' : { first: Math.max(0, size - length), last: size - 1 }
  }
  const [from, to] = [Number(first), last === '' ? size - 1 : Number(last)]
  if (last !== '' && to < from) return null
  return from >= size ? 'unsatisfiable' : { first: from, last: Math.min(to, size - 1) }
}
