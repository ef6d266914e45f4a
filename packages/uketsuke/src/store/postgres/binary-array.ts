import { encodeText } from '../text-encoding.ts'
import type { Value } from './rows.ts'

export type Type = 'text' | 'int' | 'bigint'

const oids: Record<Type, number> = { text: 25, int: 23, bigint: 20 }
/** Dimensions, flags, type; then, of the one dimension, its length and lower bound. */
const header = 20
const isNull = 0xff_ff_ff_ff
const high = 2 ** 32

/**
 * An array as the server keeps it: neither side has to quote, search and parse what is in it. Null where a value is not what its type
 * can hold: as text the server says what is wrong with it.
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
