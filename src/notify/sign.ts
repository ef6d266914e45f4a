import { createHmac, timingSafeEqual } from 'node:crypto'

/** The key bytes of a secret: base64 after `whsec_`, as Standard Webhooks has it. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
}

/**
 * The three headers of Standard Webhooks (https://www.standardwebhooks.com). One signature a secret: while a secret rotates the
 * receiver may know either. `time` is in milliseconds.
 */
export function sign(secrets: readonly string[], id: string, time: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(time / 1_000))
  const signatures = secrets.map((secret) => `v1,${mac(secret, id, timestamp, body)}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

const mac = (secret: string, id: string, timestamp: string, body: string) =>
  createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')

const toleranceMs = 5 * 60_000

/**
 * For receivers: whether a webhook was signed with one of `secrets` and is at most five minutes old. `body` is the text as it came,
 * before any parsing. Remember `webhook-id` besides: a webhook is delivered at least once.
 */
export function verifyWebhook(
  secrets: string | readonly string[],
  headers: Pick<Headers, 'get'>,
  body: string,
  now: number = Date.now(),
): boolean {
  const id = headers.get('webhook-id') ?? ''
  const timestamp = headers.get('webhook-timestamp') ?? ''
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > toleranceMs) return false
  const given = (headers.get('webhook-signature') ?? '').split(' ')
  return [secrets].flat().some((secret) => {
    const expected = Buffer.from(`v1,${mac(secret, id, timestamp, body)}`)
    return given
      .map((text) => Buffer.from(text))
      .some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  })
}
