import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkOwner } from '../domain/identifiers.ts'

const prefix = 'whsec_'
/** The key size in bytes that Standard Webhooks requires. */
const [minBytes, maxBytes] = [24, 64]

/**
 * The key of a secret: `whsec_` and the base64 of 24 to 64 bytes, the format that all Standard Webhooks libraries support. Returns a
 * `KeyObject`, because Node.js 24 takes 15 µs to convert bytes to one for each HMAC.
 * @throws {UketsukeError} `invalid-configuration`; the message never contains the secret
 */
export function keyOf(secret: unknown): KeyObject {
  if (typeof secret !== 'string') refuse(`is ${kindOf(secret)}`)
  if (!secret.startsWith(prefix)) refuse(`does not start with ${prefix}`)
  const text = secret.slice(prefix.length)
  const bytes = Buffer.from(text, 'base64')
  // Node.js skips invalid base64 characters and decodes the rest. Other libraries reject them.
  if (bytes.toString('base64') !== text) refuse('is not valid base64 with padding after whsec_')
  if (bytes.length < minBytes || bytes.length > maxBytes) refuse(`has a key of ${bytes.length} bytes`)
  return createSecretKey(bytes)
}

/** One key for each secret. Rejects an empty list and a list with holes. @throws as `keyOf` */
export function keysOf(secrets: unknown): KeyObject[] {
  const all: unknown[] = Array.isArray(secrets) ? Array.from(secrets) : [secrets]
  if (all.length === 0) refuse('is missing: the array is empty')
  return all.map(keyOf)
}

/**
 * The secret of one owner, derived from a master secret by HKDF-SHA256 (RFC 5869): it never changes and does not reveal the master. A
 * receiver can verify the webhooks of its own owner and cannot forge those of others.
 * @throws as `keyOf`
 */
export function ownerSecret(master: string, owner: string): string {
  const info = Buffer.from(`uketsuke webhook secret\0${owner}`)
  return prefix + Buffer.from(hkdfSync('sha256', keyOf(master), Buffer.alloc(0), info, 32)).toString('base64')
}

/** How webhooks are signed: with one secret for all receivers, or with a secret of each owner. The first of several is the newest. */
export interface SigningSecrets {
  readonly secret?: string | readonly string[] | undefined
  readonly masterSecret?: string | readonly string[] | undefined
}

/** @throws {UketsukeError} `invalid-configuration` unless exactly one of the two is given, and valid */
export function signingSecrets({ secret, masterSecret }: SigningSecrets): { secrets: string[]; perOwner: boolean } {
  assertConfiguration(
    secret === undefined || masterSecret === undefined,
    'createJobs(): webhooks takes either secret, for receivers that are all yours, or masterSecret, for a secret of each owner',
  )
  const given = secret ?? masterSecret
  keysOf(given)
  return { secrets: [given as string | string[]].flat(), perOwner: masterSecret !== undefined }
}

/**
 * The secret with which an owner's receivers verify webhooks; during a rotation, the new one.
 * @throws {UketsukeError} `invalid-configuration` without `webhooks`, `invalid-owner`
 */
export function secretFor(webhooks: SigningSecrets | undefined, owner: string): string {
  assertConfiguration(webhooks !== undefined, 'webhookSecret(): createJobs() has no webhooks')
  checkOwner(owner)
  const { secrets, perOwner } = signingSecrets(webhooks)
  const [newest = ''] = secrets
  return perOwner ? ownerSecret(newest, owner) : newest
}

const kindOf = (value: unknown): string =>
  value === undefined || value === null
    ? `${value}`
    : `not a string but ${Array.isArray(value) ? 'an array' : typeof value}`

/** The example is random, so that a copied example is a secure secret. */
function refuse(why: string): never {
  const example = prefix + randomBytes(32).toString('base64')
  throw new UketsukeError(
    'invalid-configuration',
    `A webhook secret ${why}. It must be ${prefix} followed by the base64 of ${minBytes} to ${maxBytes} random bytes, such as ${example}`,
  )
}
