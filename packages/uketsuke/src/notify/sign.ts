import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { keysOf } from './secret.ts'

/**
 * Makes the three headers of Standard Webhooks (https://www.standardwebhooks.com). One signature a secret: while a secret rotates the
 * receiver may know either. `time` is in milliseconds.
 */
export function signer(secrets: readonly string[]) {
  const keys = keysOf(secrets)
  return (id: string, time: number, body: string): Record<string, string> => {
    const timestamp = String(Math.floor(time / 1_000))
    const signatures = keys.map((key) => `v1,${mac(key, id, timestamp, body)}`)
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
  }
}

const mac = (key: KeyObject, id: string, timestamp: string, body: string) =>
  createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')

const toleranceMs = 5 * 60_000

/**
 * For receivers: whether a webhook was signed with one of `secrets` and is at most five minutes old. `body` is the text as it came,
 * before any parsing. Remember `webhook-id` besides: a webhook is delivered at least once.
 * @throws {UketsukeError} `invalid-configuration` for a secret that is none
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
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > toleranceMs) return false
  const given = (headers.get('webhook-signature') ?? '').split(' ')
  return keys.some((key) => {
    const expected = Buffer.from(`v1,${mac(key, id, timestamp, body)}`)
    return given
      .map((text) => Buffer.from(text))
      .some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  })
}
