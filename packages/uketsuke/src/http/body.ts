import { UketsukeError, type Violation } from '../domain/errors.ts'
import { isObject, pointerToken } from '../domain/json.ts'
import { bodyTooLarge, type HttpRequest } from './request.ts'

export const mebibyte = 1024 * 1024
/** The maximum nesting depth. The body itself is level 1. */
const maxDepth = 64

/**
 * Reads the request body, which must be a JSON object.
 * @throws `unsupported-media-type`, `payload-too-large`, `invalid-json`, `validation-error`
 */
export async function readObject(
  request: HttpRequest,
  members: readonly string[],
  maxBytes = mebibyte,
): Promise<Record<string, unknown>> {
  mustBeJson(request)
  if (Number(request.header('content-length') ?? 0) > maxBytes) throw bodyTooLarge(maxBytes)
  let bytes: Uint8Array
  try {
    bytes = await request.read(maxBytes)
  } catch (thrown) {
    if (thrown instanceof UketsukeError) throw thrown
    throw new UketsukeError('invalid-json', 'The request body is incomplete.', { cause: thrown })
  }
  const body = parse(bytes)
  const errors = isObject(body)
    ? [unknownMember(body, members), forbiddenContent(body, 1)].filter((one) => one !== null)
    : [{ pointer: '', detail: 'The request body must be a JSON object.' }]
  if (errors.length > 0) throw new UketsukeError('validation-error', undefined, { errors })
  return body as Record<string, unknown>
}

function mustBeJson(request: HttpRequest): void {
  const encoding = request.header('content-encoding')
  const plain = encoding === null || ['', 'identity'].includes(encoding.trim().toLowerCase())
  if (plain && isJson(request.header('content-type') ?? '')) return
  throw new UketsukeError(
    'unsupported-media-type',
    'The request body must be application/json in UTF-8, without content encoding.',
  )
}

/** Parameters such as `charset` have no effect on JSON (RFC 8259, 11): the text must be UTF-8. */
function isJson(contentType: string): boolean {
  if (contentType === 'application/json') return true
  const [type = ''] = contentType.toLowerCase().split(';', 1)
  return /^application\/(?:[\w!#$&^.+-]+\+)?json$/.test(type.trim())
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new UketsukeError('invalid-json', undefined, { cause })
  }
}

/** Reports the first unknown member only, since an attacker controls how many there are. */
function unknownMember(body: Record<string, unknown>, members: readonly string[]): Violation | null {
  for (const name in body) {
    if (members.includes(name) || name === '__proto__') continue
    return { pointer: `/${token(name)}`, detail: 'Unknown member.' }
  }
  return null
}

/**
 * Finds excessive depth, `__proto__` members, and numbers such as 1e999, which `JSON.stringify` would turn into null. The client chooses
 * the depth, so the recursion stops at the limit.
 */
function forbiddenContent(value: object, depth: number): Violation | null {
  if (depth > maxDepth) return { pointer: '', detail: `The request body is nested more than ${maxDepth} levels deep.` }
  for (const name in value) {
    if (name === '__proto__') return { pointer: '/__proto__', detail: 'A member must not be named __proto__.' }
    const inner = (value as Record<string, unknown>)[name]
    if (inner === Infinity || inner === -Infinity) {
      return { pointer: `/${token(name)}`, detail: 'The number is out of range.' }
    }
    if (typeof inner !== 'object' || inner === null) continue
    const found = forbiddenContent(inner, depth + 1)
    if (found !== null) return { ...found, pointer: `/${token(name)}${found.pointer}` }
  }
  return null
}

const token = (name: string) => pointerToken(name.slice(0, 200)).toWellFormed()
