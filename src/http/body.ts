import { UketsukeError, type Violation } from '../domain/errors.ts'

export const mebibyte = 1024 * 1024
/** The body itself is level 1. */
const deepest = 64

/** A request's JSON object. @throws `unsupported-media-type`, `payload-too-large`, `invalid-json`, `validation-error` */
export async function readObject(
  request: Request,
  members: readonly string[],
  maxBytes = mebibyte,
): Promise<Record<string, unknown>> {
  mustBeJson(request.headers)
  const body = parse(await bounded(request, maxBytes))
  const errors = isObject(body)
    ? [...unknownMembers(body, members), ...unfit(body)]
    : [{ pointer: '', detail: 'The body must be a JSON object.' }]
  if (errors.length > 0) throw new UketsukeError('validation-error', undefined, { errors })
  return body as Record<string, unknown>
}

function mustBeJson(headers: Headers): void {
  const [type = '', ...parameters] = (headers.get('content-type') ?? '').toLowerCase().split(';')
  const charset = parameters.map((one) => one.trim()).find((one) => one.startsWith('charset='))
  const plain = ['', 'identity'].includes((headers.get('content-encoding') ?? '').trim().toLowerCase())
  const json = /^application\/(?:[\w!#$&^.+-]+\+)?json$/.test(type.trim())
  if (json && plain && (charset === undefined || /^charset="?utf-8"?$/.test(charset))) return
  throw new UketsukeError('unsupported-media-type', 'The body must be application/json in UTF-8, not compressed.')
}

async function bounded(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new UketsukeError('payload-too-large', `The body may have ${maxBytes} bytes.`)
  const length = request.headers.get('content-length')
  if (length !== null && Number(length) > maxBytes) throw tooLarge()
  try {
    // A server enforces Content-Length, so this cannot grow past it; and it is twice as fast as a stream.
    if (length !== null) {
      const whole = new Uint8Array(await request.arrayBuffer())
      if (whole.byteLength > maxBytes) throw tooLarge()
      return whole
    }
    return await streamed(request.body, maxBytes, tooLarge)
  } catch (thrown) {
    if (thrown instanceof UketsukeError) throw thrown
    throw new UketsukeError('invalid-json', 'The body ended before it was whole.', { cause: thrown })
  }
}

async function streamed(body: ReadableStream<Uint8Array> | null, maxBytes: number, tooLarge: () => Error) {
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop by a throw cancels the stream.
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new UketsukeError('invalid-json', undefined, { cause })
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function* unknownMembers(body: Record<string, unknown>, members: readonly string[]): Generator<Violation> {
  for (const name of Object.keys(body)) {
    if (members.includes(name) || name === '__proto__') continue
    yield { pointer: `/${token(name)}`, detail: 'This member is not known.' }
    // One is enough to learn from, and an attacker's body has as many as he likes.
    return
  }
}

interface Place {
  readonly value: object
  readonly depth: number
  readonly name: string
  readonly parent: Place | null
}

/** A stack of our own: the depth is the client's to choose, the call stack is not. */
function unfit(body: object): Violation[] {
  const open: Place[] = [{ value: body, depth: 1, name: '', parent: null }]
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value, depth } = place
    if (depth > deepest) return [{ pointer: pointer(place), detail: `The body may be ${deepest} levels deep.` }]
    for (const [name, inner] of Object.entries(value)) {
      const here = { value: inner as object, depth: depth + 1, name, parent: place }
      if (name === '__proto__') return [{ pointer: pointer(here), detail: 'A member may not be named __proto__.' }]
      if (typeof inner === 'object' && inner !== null) open.push(here)
    }
  }
  return []
}

function pointer(place: Place): string {
  const names: string[] = []
  for (let at = place; at.parent !== null; at = at.parent) names.unshift(`/${token(at.name)}`)
  return names.join('')
}

const token = (name: string) => name.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1').toWellFormed()
