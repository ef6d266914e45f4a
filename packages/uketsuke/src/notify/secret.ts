import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { UketsukeError } from '../domain/errors.ts'

const prefix = 'whsec_'
/** Bytes of a key, as Standard Webhooks has it. */
const [fewest, most] = [24, 64]

/**
 * The key of a secret: `whsec_` and the base64 of 24 to 64 bytes, which is what every Standard Webhooks library takes. A `KeyObject`, since
 * Node 24 takes 15 µs to make one of bytes for each HMAC.
 * @throws {UketsukeError} `invalid-configuration`, which never says the secret
 */
export function keyOf(secret: unknown): KeyObject {
  if (typeof secret !== 'string') refuse(`is ${kindOf(secret)}`)
  if (!secret.startsWith(prefix)) refuse(`does not begin with ${prefix}`)
  const text = secret.slice(prefix.length)
  const bytes = Buffer.from(text, 'base64')
  // Node skips what is no base64 and takes the rest for the key; other libraries refuse it.
  if (bytes.toString('base64') !== text) refuse('has something other than base64, with its padding, after whsec_')
  if (bytes.length < fewest || bytes.length > most) refuse(`holds a key of ${bytes.length} bytes`)
  return createSecretKey(bytes)
}

/** One key for each secret; at least one. A hole in a list is a secret that is missing. @throws as `keyOf` */
export function keysOf(secrets: unknown): KeyObject[] {
  const all: unknown[] = Array.isArray(secrets) ? Array.from(secrets) : [secrets]
  if (all.length === 0) refuse('is missing: the list is empty')
  return all.map(keyOf)
}

const kindOf = (value: unknown): string =>
  value === undefined || value === null ? `${value}` : `not text but ${Array.isArray(value) ? 'a list' : typeof value}`

/** The example is new each time, so that whoever copies it has a good secret. */
function refuse(why: string): never {
  const example = prefix + randomBytes(32).toString('base64')
  throw new UketsukeError(
    'invalid-configuration',
    `A webhook secret ${why}. It must be ${prefix} and the base64 of ${fewest} to ${most} random bytes, such as ${example}`,
  )
}
