import { types } from 'node:util'
import { UketsukeError } from '../domain/errors.ts'
import { pointerToken } from '../domain/json.ts'

/**
 * Serializes a handler's result, which errors call `what`. Values that JSON would silently change, such as a Map to `{}` or NaN to null, are refused with their
 * path. Members of objects that are undefined or functions are left out, as in any JSON.
 * @throws `invalid-output` if JSON cannot represent it or it exceeds `maxBytes`
 */
export function serializeOutput(output: unknown, maxBytes: number, what = 'The output'): string {
  try {
    if (isPlain(output, 0)) return fitting(JSON.stringify(output), maxBytes, what)
    const path = new Path(what)
    const text = JSON.stringify(output ?? null, function (this: unknown, key: string, value: unknown) {
      const loss = lossOf(value, this, key)
      path.enter(this, key)
      if (loss !== null) throw refused(`${path} is ${loss}, which JSON cannot hold.`)
      return value
    })
    if (text !== undefined) return fitting(text, maxBytes, what)
  } catch (error) {
    // The error of the handler's own `toJSON` is not for clients.
    throw error instanceof Refused ? error : refused(`JSON cannot represent ${what.replace(/^The/, 'the')}.`, error)
  }
  throw refused(`${what} is a ${typeof output}, which JSON cannot hold.`)
}

/**
 * Whether JSON holds a value without any loss, at a glance: most outputs are small plain objects, which need not be searched for the path of
 * what would be lost.
 */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object': {
      if (value === null) return true
      if (depth > 4 || Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false
      for (const key in value) if (!isPlain((value as Record<string, unknown>)[key], depth + 1)) return false
      return true
    }
    default:
      return false
  }
}

function fitting(text: string, maxBytes: number, what: string): string {
  // A UTF-16 code unit is one to three bytes in UTF-8.
  const bytes = text.length * 3 <= maxBytes ? 0 : Buffer.byteLength(text)
  if (bytes <= maxBytes) return text
  throw refused(
    `${what} has ${bytes} bytes as JSON, and at most ${maxBytes} are allowed: store it elsewhere and return where.`,
  )
}

class Refused extends UketsukeError {}
const refused = (sentence: string, cause?: unknown) => new Refused('invalid-output', sentence, { cause })

/** The path of JSON.stringify, which calls depth first with the object that holds each key. */
class Path {
  readonly #what: string
  readonly #holders: unknown[] = []
  readonly #keys: string[] = []

  constructor(what: string) {
    this.#what = what
  }

  enter(holder: unknown, key: string): void {
    const depth = this.#holders.lastIndexOf(holder)
    if (depth === -1) {
      this.#holders.push(holder)
      this.#keys.push(key)
    } else {
      this.#holders.length = depth + 1
      this.#keys.length = depth
      this.#keys.push(key)
    }
  }

  toString(): string {
    // The first holder is a wrapper of JSON.stringify.
    const keys = this.#keys.slice(1).map((key) => `/${pointerToken(key)}`)
    return keys.length === 0 ? this.#what : `${this.#what} at ${keys.join('')}`
  }
}

/** A phrase for a value that JSON would lose, or null if it loses nothing. `toJSON` has been applied to `value`. */
function lossOf(value: unknown, holder: unknown, key: string): string | null {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return null
    case 'number':
      return Number.isFinite(value) ? null : `the number ${value}`
    case 'bigint':
      return 'a BigInt (give its text)'
    case 'object':
      return value === null ? nullOf(holder, key) : lossOfObject(value, holder, key)
    default:
      // JSON leaves out a member of an object, and writes null in an array.
      return Array.isArray(holder) ? (value === undefined ? 'undefined' : `a ${typeof value}`) : null
  }
}

const nullOf = (holder: unknown, key: string) =>
  types.isDate((holder as Record<string, unknown>)[key]) ? 'an invalid Date' : null

function lossOfObject(value: object, holder: unknown, key: string): string | null {
  // The most frequent cases.
  if (Array.isArray(value) || types.isBoxedPrimitive(value)) return null
  if (types.isMap(value)) return 'a Map (give Object.fromEntries() of it)'
  if (types.isSet(value)) return 'a Set (give an array)'
  if (types.isNativeError(value)) return 'an Error (give its message)'
  if (types.isPromise(value)) return 'a Promise (await it)'
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return 'binary data (give it as Base64)'
  if ((value as { type?: unknown }).type === 'Buffer') {
    // `toJSON` of a Buffer returns an array of numbers.
    if (ArrayBuffer.isView((holder as Record<string, unknown>)[key])) return 'binary data (give it as Base64)'
  }
  const kind: unknown = Object.getPrototypeOf(value)
  if (kind === null || Object.getPrototypeOf(kind) === null || Object.keys(value).length > 0) return null
  return `an instance of ${nameOf(kind as object)} without members of its own`
}

function nameOf(kind: object): string {
  const { name } = kind.constructor ?? {}
  return typeof name === 'string' && name !== '' ? name : 'a class'
}
