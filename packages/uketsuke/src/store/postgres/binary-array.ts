import { encodeText } from '../text-encoding.ts'
import type { Value } from './rows.ts'

export type Type = 'text' | 'int' | 'bigint'

const oids: Record<Type, number> = { text: 25, int: 23, bigint: 20 }
/** Header size in bytes: dimensions, flags and type, then length and lower bound of the single dimension. */
const header = 20
const isNull = 0xff_ff_ff_ff
const high = 2 ** 32

/**
 * Encodes an array in the server's binary format, which needs no quoting and parsing. Null if a value does not fit the
 * type: the caller then sends it as text, and the server reports the error.
 */
export function binaryArray(type: Type, values: readonly Value[]): Buffer | null {
  const packed = type === 'text' ? texts(values) : numbers(values, type)
  if (packed === null) return null
  packed.writeInt32BE(1, 0)
  packed.writeInt32BE(values.includes(null) ? 1 : 0, 4)
  packed.writeInt32BE(oids[type], 8)
  packed.writeInt32BE(values.length, 12)
  packed.writeInt32BE(1, 16)
  return packed
}

function numbers(values: readonly Value[], type: 'int' | 'bigint'): Buffer | null {
  const [width, fits] = type === 'int' ? ([4, isInt] as const) : ([8, Number.isSafeInteger] as const)
  const packed = Buffer.allocUnsafe(header + values.length * (4 + width))
  let at = header
  for (const value of values) {
    if (value === null) {
      at = packed.writeUInt32BE(isNull, at)
      continue
    }
    if (typeof value !== 'number' || !fits(value)) return null
    at = packed.writeInt32BE(width, at)
    if (type === 'bigint') at = packed.writeInt32BE(Math.floor(value / high), at)
    at = packed.writeUInt32BE(value >>> 0, at)
  }
  return packed.subarray(0, at)
}

const isInt = (value: number) => (value | 0) === value

function texts(values: readonly Value[]): Buffer {
  const encoded = values.map((value) => (value === null ? null : encodeText(String(value))))
  const lengths = encoded.map((text) => (text === null ? 0 : Buffer.byteLength(text)))
  const packed = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length + 4, header))
  let at = header
  for (const [i, text] of encoded.entries()) {
    at = packed.writeUInt32BE(text === null ? isNull : (lengths[i] ?? 0), at)
    if (text !== null) at += packed.write(text, at)
  }
  return packed
}
