import type { Clock } from '../base/clock.ts'
import { version } from '../base/version.ts'
import type { Runnable } from '../definition/define.ts'
import { deliveryType } from '../domain/change.ts'
import { DeliveryLimits } from '../notify/delivery-limits.ts'
import { type Destinations, destinations } from '../notify/destinations.ts'
import { Endpoints } from '../notify/endpoints.ts'
import { GoneUrls } from '../notify/gone-urls.ts'
import { signingSecrets } from '../notify/secret.ts'
import { signer } from '../notify/sign.ts'
import { webhookDelivery } from '../notify/webhook.ts'
import { createWebhookClient, type SendWebhook } from '../notify/webhook-client.ts'
import type { Store } from '../store/port.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { encryptionKeysOf, type WebhookOptions } from './webhook-options.ts'

interface Context {
  store: Store
  clock: Clock
  /** The prefix of URLs in webhooks. */
  base: string
  newId: () => string
  ready: () => Promise<void>
  /** Null without tracing. */
  tracing: Tracing | null
  /** Replaces the HTTP client, for tests. */
  sendWebhook?: SendWebhook | undefined
}

/** Everything that sends webhooks in this process. */
export interface WebhookParts {
  readonly destinations: Destinations
  /** Null if owners cannot register endpoints. */
  readonly endpoints: Endpoints | null
  readonly goneUrls: GoneUrls
  /** The job type that delivers webhooks; empty without webhooks. */
  readonly deliveries: ReadonlyMap<string, Runnable>
  close(): Promise<void>
}

export function webhookParts(options: WebhookOptions | undefined, context: Context): WebhookParts {
  const { store, clock, base, newId, ready, tracing } = context
  const goneUrls = new GoneUrls(store.records, clock)
  if (options === undefined) {
    const none = { ...destinations(), refuse: () => 'Webhooks are not enabled on this server.' }
    return { destinations: none, endpoints: null, goneUrls, deliveries: new Map(), close: async () => {} }
  }
  const { userAgent = `uketsuke/${version()}`, proxy, nameServers } = options
  const rules = destinations(options)
  const keys = options.endpoints ? encryptionKeysOf(options) : null
  const endpoints = keys && new Endpoints({ records: store.records, clock, destinations: rules, keys, newId, ready })
  const client = createWebhookClient({ rules, nameServers, proxy: proxy === undefined ? undefined : new URL(proxy) })
  const delivery = webhookDelivery({
    store,
    clock,
    base,
    sign: signer(signingSecrets(options)),
    userAgent,
    destinations: rules,
    post: context.sendWebhook ?? client.post,
    random: Math.random,
    limits: new DeliveryLimits(clock, Math.random),
    endpoints,
    goneUrls,
    tracing,
  })
  return {
    destinations: rules,
    endpoints,
    goneUrls,
    deliveries: new Map([[deliveryType, delivery]]),
    close: client.close,
  }
}
