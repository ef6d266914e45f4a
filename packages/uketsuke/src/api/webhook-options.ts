import { randomBytes } from 'node:crypto'
import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import { encryptionKeys } from '../notify/endpoints.ts'
import { signingSecrets } from '../notify/secret.ts'

export interface WebhookOptions {
  /**
   * The signing secret of all webhooks: `whsec_` followed by the base64 of 24 to 64 random bytes. To rotate it, pass the new and the old
   * secret. Whoever can verify a webhook can forge one, so use it only if all receivers are yours; otherwise set `masterSecret`.
   */
  secret?: string | readonly string[]
  /**
   * Signs each owner's webhooks with a secret of its own, derived from this one, in the same form as `secret`. Get an owner's secret with
   * `jobs.webhookSecret(owner)`.
   */
  masterSecret?: string | readonly string[]
  /**
   * Whether owners can register webhook endpoints, which get a webhook for every job of theirs: with `jobs.webhookEndpoints`, and over
   * HTTP below `/webhook-endpoints`. Needs `secretKey`. Default: false.
   */
  endpoints?: boolean
  /**
   * The key under which the signing secrets of endpoints are encrypted in the store: the base64 of 32 random bytes. To rotate it, give the
   * new and the old key, separated by a comma. Default: the environment variable `UKETSUKE_SECRET_KEY`.
   */
  secretKey?: string
  /**
   * `host:port` of receivers to allow although their addresses are not public or the URL is not https. Such a host may resolve to private
   * addresses, but never to link-local addresses or metadata services. Default: none (SSRF protection).
   */
  allowHosts?: readonly string[]
  /** Whether webhooks may go to loopback and private addresses. Use it in development only. Default: false. */
  allowPrivateNetworks?: boolean
  /** The ports that webhooks may use. Default: 80, 443, 8080 and 8443. */
  ports?: readonly number[]
  /** Whether webhook URLs must be https. Default: true if `NODE_ENV` is `production`, otherwise false. */
  httpsOnly?: boolean
  /**
   * An HTTP proxy for all webhooks, such as `http://proxy.internal:3128`. It gets CONNECT requests to the validated IP address. Proxy
   * environment variables are ignored. Default: none.
   */
  proxy?: string
  /** DNS servers for webhook hosts, as `address` or `address:port`. Default: those of the system. */
  nameServers?: readonly string[]
  /** The `User-Agent` header of webhook requests, 1 to 255 printable ASCII characters. Default: `uketsuke/<version>`. */
  userAgent?: string
}

/** @throws {UketsukeError} `invalid-configuration` */
export function checkWebhooks(webhooks: WebhookOptions): void {
  assertConfiguration(
    typeof webhooks === 'object' && webhooks !== null,
    'createJobs(): webhooks must be an object with secret or masterSecret',
  )
  signingSecrets(webhooks)
  assertConfiguration(
    webhooks.endpoints === undefined || typeof webhooks.endpoints === 'boolean',
    'createJobs(): webhooks.endpoints must be true or false',
  )
  if (webhooks.endpoints) encryptionKeysOf(webhooks)
  const { userAgent, allowHosts, ports, proxy, nameServers } = webhooks
  assertConfiguration(
    isTextList(allowHosts) && (allowHosts ?? []).every((one) => /^.+:\d{1,5}$/.test(one)),
    'createJobs(): webhooks.allowHosts must be an array of "host:port"',
  )
  assertConfiguration(
    ports === undefined ||
      (Array.isArray(ports) && ports.every((one) => Number.isInteger(one) && one > 0 && one < 65_536)),
    'createJobs(): webhooks.ports must be an array of port numbers',
  )
  assertConfiguration(
    proxy === undefined || (typeof proxy === 'string' && URL.canParse(proxy) && new URL(proxy).protocol === 'http:'),
    'createJobs(): webhooks.proxy must be a URL that begins with http://',
  )
  assertConfiguration(isTextList(nameServers), 'createJobs(): webhooks.nameServers must be an array of addresses')
  assertConfiguration(
    userAgent === undefined ||
      (typeof userAgent === 'string' && /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(userAgent)),
    'createJobs(): webhooks.userAgent must be 1 to 255 printable ASCII characters without leading or trailing spaces',
  )
}

/** @throws {UketsukeError} `invalid-configuration`; the message never contains a key */
export function encryptionKeysOf({ secretKey = process.env.UKETSUKE_SECRET_KEY }: { secretKey?: string }): Buffer[] {
  const keys = encryptionKeys(secretKey)
  if (keys !== null) return keys
  const example = randomBytes(32).toString('base64')
  throw new UketsukeError(
    'invalid-configuration',
    `createJobs(): webhooks.endpoints needs webhooks.secretKey or UKETSUKE_SECRET_KEY: the base64 of 32 random bytes, such as ${example}.`,
  )
}

const isTextList = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'))
