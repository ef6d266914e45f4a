import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** The parts of an API key: `uk_<id>_<secret>_<checksum>`. */
export interface ApiKeyParts {
  readonly id: string
  readonly secret: string
}

const prefix = 'uk'
const shape = /^uk_([0-9a-hjkmnp-tv-z]{16})_([0-9a-f]{64})_([0-9a-f]{8})$/
const letters = '0123456789abcdefghjkmnpqrstvwxyz'

/** Whether a credential is meant to be an API key, valid or not. */
export const isApiKey = (text: string): boolean => text.startsWith(`${prefix}_`)

/** A new key. The id has 80 random bits, the secret 256. */
export function newApiKey(): ApiKeyParts & { readonly key: string } {
  const id = Array.from(randomBytes(16), (byte) => letters[byte % 32]).join('')
  const secret = randomBytes(32).toString('hex')
  return { id, secret, key: `${prefix}_${id}_${secret}_${checksum(id, secret)}` }
}

/** Null for anything else, such as a mistyped or truncated key: the checksum tells without access to the store. */
export function parseApiKey(text: string): ApiKeyParts | null {
  const [, id = '', secret = '', sum = ''] = shape.exec(text) ?? []
  return id !== '' && sum === checksum(id, secret) ? { id, secret } : null
}

/** What is stored of a secret. It is random, so a slow hash would add nothing. */
export const hashOf = (secret: string): string => sha256(secret).toString('hex')

/** Compares in constant time. `stored` is null for an unknown id, which takes the same time. */
export function matches(secret: string, stored: string | null): boolean {
  const expected = Buffer.from(stored ?? '', 'hex')
  const known = expected.length === 32
  return timingSafeEqual(sha256(secret), known ? expected : Buffer.alloc(32)) && known
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
const checksum = (id: string, secret: string): string => sha256(`${prefix}_${id}_${secret}`).toString('hex').slice(0, 8)
