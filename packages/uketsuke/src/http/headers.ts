import { UketsukeError } from '../domain/errors.ts'
import { isKey } from '../domain/identifiers.ts'

/** Whether `Accept` allows a media type. The most specific matching range decides (RFC 9110, 12.5.1). */
export function accepts(accept: string | null, type: string): boolean {
  if (accept === null || accept === '*/*' || accept === type || accept.trim() === '') return true
  const [major] = type.split('/')
  const order = ['*/*', `${major}/*`, type]
  let best = -1
  let quality = 0
  for (const range of split(accept, ',') ?? accept.split(',')) {
    const parts = split(range, ';') ?? range.split(';')
    const [name = '', ...parameters] = parts.map((part) => part.trim().toLowerCase())
    const rank = order.indexOf(name)
    if (rank < best || rank === -1) continue
    const q = parameters.find((parameter) => parameter.startsWith('q='))
    const value = q === undefined ? 1 : Number(q.slice(2))
    quality = rank === best ? Math.max(quality, value) : value
    best = rank
  }
  return quality > 0
}

/** In seconds. Below the 60 s timeout of common proxies, so that the response arrives before their 504. */
export const longestWait = 50

/**
 * The seconds of `Prefer: wait=N` (RFC 7240), clamped to 50; null if absent or malformed. The first `wait` counts. A field with invalid
 * syntax is ignored as a whole.
 */
export function preferredWait(prefer: string | null): number | null {
  const [, digits] = /^"?(\d+)"?$/.exec(preference(prefer, 'wait') ?? '') ?? []
  return digits === undefined ? null : Math.min(Number(digits), longestWait)
}

/** Whether the client prefers a 202 to waiting (RFC 7240, 4.1). */
export const prefersAsync = (prefer: string | null): boolean => preference(prefer, 'respond-async') !== null

/** The value of the first preference with this name, empty if it has none; null without one. */
function preference(prefer: string | null, name: string): string | null {
  if (prefer === null) return null
  for (const one of split(prefer, ',') ?? []) {
    const [first = ''] = split(one, ';') ?? []
    const [token = '', ...value] = first.split('=')
    if (token.trim().toLowerCase() === name) return value.join('=').trim()
  }
  return null
}

/** Splits at separators outside quoted strings (RFC 9110, 5.6.4), in linear time. Null if a quoted string is unterminated. */
function split(text: string, separator: ',' | ';'): string[] | null {
  if (!text.includes('"')) return text.split(separator)
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') quoted = !quoted
    else if (char === '\\' && quoted) at++
    else if (char === separator && !quoted) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  parts.push(text.slice(start))
  return quoted ? null : parts
}

export const etag = (version: number) => `W/"${version}"`

/** Weak comparison for `If-None-Match` (RFC 9110, 13.1.2). Ignores the suffix that a compressing server appends (`"7-gzip"`). */
export function noneMatch(ifNoneMatch: string | null, version: number): boolean {
  if (ifNoneMatch === null) return true
  if (ifNoneMatch.trim() === '*') return false
  // An opaque tag has no escapes and may contain a comma.
  for (const [, tag] of ifNoneMatch.matchAll(/"([^"]*)"/g)) {
    if (tag?.replace(/[-;:][a-z]+$/, '') === String(version)) return false
  }
  return true
}

/**
 * The idempotency key: a quoted string as in the IETF draft (RFC 9651, parameters are ignored) or bare as with Stripe. Null if absent.
 * @throws `invalid-idempotency-key`
 */
export function idempotencyKey(header: string | null): string | null {
  if (header === null) return null
  const key = header.startsWith('"') ? unquote(header) : bare(header)
  if (isKey(key)) return key
  throw new UketsukeError(
    'invalid-idempotency-key',
    'Idempotency-Key must be a single field of 1 to 255 printable ASCII characters, bare or as a quoted string. Quote a key that contains a comma.',
  )
}

/** Repeated fields arrive joined with commas, so a bare key with a comma cannot be distinguished from two keys. */
const bare = (text: string) => (text.includes(',') ? null : text)

const value = [
  String.raw`-?\d{1,12}(?:\.\d{1,3})?`,
  String.raw`%?"(?:[^"\\]|\\["\\])*"`,
  String.raw`[A-Za-z*][\w!#$%&'*+.^\`|~:/-]*`,
  ':[A-Za-z0-9+/]*={0,2}:',
  String.raw`\?[01]`,
  String.raw`@-?\d{1,15}`,
].join('|')
const item = new RegExp(String.raw`^"((?:[^"\\]|\\["\\])*)"(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:${value}))?)* *$`)

const unquote = (text: string) => item.exec(text)?.[1]?.replace(/\\(.)/g, '$1') ?? null
