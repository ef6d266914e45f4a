import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { keysOf, ownerSecret } from './secret.ts'

export type Sign = (owner: string, id: string, time: number, body: string) => Record<string, string>

/** So many owners' keys are kept. */
const keptOwners = 1_000

/**
 * Creates the three headers of Standard Webhooks (https://www.standardwebhooks.com), with one signature for each secret: during a
 * rotation the receiver may know either. `perOwner` signs with secrets that are derived for the owner. `time` is in milliseconds.
 */
export function signer(secrets: readonly string[], perOwner = false): Sign {
  const shared = keysOf(secrets)
  const derived = new Map<string, KeyObject[]>()
  const keysFor = (owner: string): KeyObject[] => {
    if (!perOwner) return shared
    const keys = derived.get(owner) ?? keysOf(secrets.map((secret) => ownerSecret(secret, owner)))
    if (derived.size >= keptOwners) derived.clear()
    derived.set(owner, keys)
    return keys
  }
  return (owner, id, time, body) => {
    const timestamp = String(Math.floor(time / 1_000))
    const signatures = keysFor(owner).map((key) => `v1,${mac(key, id, timestamp, body)}`)
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
  }
}

const mac = (key: KeyObject, id: string, timestamp: string, body: string) =>
  createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')

const toleranceMs = 5 * 60_000

/**
 * Verifies a webhook in a receiver. Returns true if one of `secrets` signed it and its timestamp is within five minutes of `now`.
 * Deduplicate by `webhook-id` as well: webhooks are delivered at least once.
 * @param secrets one or more secrets: `whsec_` followed by the base64 of 24 to 64 bytes
 * @param body the raw request body, before any parsing
 * @param now the current time in milliseconds; default: `Date.now()`
 * @throws {UketsukeError} `invalid-configuration` for an invalid secret
 */
export function verifyWebhook(
  secrets: string | readonly string[],
  headers: Pick<Headers, 'get'>,
  body: string,
  now: number = Date.now(),
): boolean {
  const keys = keysOf(secrets)
  const id = headers.get('webhook-id') ?? ''
  const timestamp = headers.get('webhook-timestamp') ?? ''
  // Written so that a `now` that is not a number fails. A dot in the id would let one signed text be split in two ways.
  const isFresh = Math.abs(now - Number(timestamp) * 1_000) <= toleranceMs
  if (!/^\d{1,12}$/.test(timestamp) || !isFresh || id === '' || id.includes('.')) return false
  const signatures = (headers.get('webhook-signature') ?? '').split(' ')
  return keys.some((key) => {
    const expected = Buffer.from(`v1,${mac(key, id, timestamp, body)}`)
    return signatures
      .map((text) => Buffer.from(text))
      .some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  })
}
