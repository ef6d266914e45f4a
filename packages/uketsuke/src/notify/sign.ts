import { createHmac, type KeyObject } from 'node:crypto'
import { keysOf, ownerSecret } from './secret.ts'

export type Sign = (owner: string, id: string, time: number, body: string) => Record<string, string>

/** So many owners' keys are kept. */
const keptOwners = 1_000

/**
 * Creates the three headers of Standard Webhooks (https://www.standardwebhooks.com), with one signature for each secret: during a
 * rotation the receiver may know either. `perOwner` signs with secrets that are derived for the owner. `time` is in milliseconds.
 */
export function signer({ secrets, perOwner }: { secrets: readonly string[]; perOwner: boolean }): Sign {
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

/** The signature of Standard Webhooks: base64 of the HMAC-SHA256. */
export const mac = (key: KeyObject, id: string, timestamp: string, body: string | Uint8Array) =>
  createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
