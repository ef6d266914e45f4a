import { UketsukeError } from '../domain/errors.ts'

/** Whether `Accept` leaves room for a media type: the most specific range that matches decides (RFC 9110, 12.5.1). */
export function accepts(accept: string | null, type: string): boolean {
  if (accept === null || accept === '*/*' || accept === type || accept.trim() === '') return true
  const [major] = type.split('/')
  const order = ['*/*', `${major}/*`, type]
  let best = -1
  let quality = 0
  for (const range of accept.split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const rank = order.indexOf(name)
    if (rank < best || rank === -1) continue
    const q = parameters.find((parameter) => parameter.startsWith('q='))
    const value = q === undefined ? 1 : Number(q.slice(2))
    quality = rank === best ? Math.max(quality, value) : value
    best = rank
  }
  return quality > 0
}

const longest = 60

/** The seconds of `Prefer: wait=N` (RFC 7240), 60 at most; null where it is absent or malformed. The first one counts. */
export function preferredWait(prefer: string | null): number | null {
  for (const preference of prefer?.split(',') ?? []) {
    const [, value] = /^\s*wait\s*=\s*([^;]*?)\s*(?:;.*)?$/i.exec(preference) ?? []
    if (value === undefined) continue
    const [, digits] = /^"?(\d+)"?$/.exec(value) ?? []
    return digits === undefined ? null : Math.min(Number(digits), longest)
  }
  return null
}

export const etag = (version: number) => `W/"${version}"`

/** Weak comparison, as If-None-Match has it (RFC 9110, 13.1.2). */
export function noneMatch(ifNoneMatch: string | null, version: number): boolean {
  if (ifNoneMatch === null) return true
  if (ifNoneMatch.trim() === '*') return false
  return !ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${version}"`)
}

/**
 * The key as the IETF draft has it (a quoted string of RFC 8941) or bare as Stripe has it; null where there is none.
 * @throws `invalid-idempotency-key`
 */
export function idempotencyKey(header: string | null): string | null {
  if (header === null) return null
  const key = header.startsWith('"') ? unquote(header) : header
  if (key !== null && /^[\x20-\x7e]{1,255}$/.test(key)) return key
  throw new UketsukeError(
    'invalid-idempotency-key',
    'An Idempotency-Key is 1 to 255 printable ASCII characters, bare or as a quoted string.',
  )
}

function unquote(text: string): string | null {
  if (!/^"(?:[^"\\]|\\["\\])*"$/.test(text)) return null
  return text.slice(1, -1).replace(/\\(.)/g, '$1')
}
