import type { WebhookEvent } from '../notify/verify-webhook.ts'
import type { SendWebhook } from '../notify/webhook-client.ts'

/** A webhook that would have been sent. */
export interface CapturedWebhook {
  url: string
  /** Including the signature, for `verifyWebhook`. */
  headers: Record<string, string>
  /** The exact body, for `verifyWebhook`. */
  body: string
  event: WebhookEvent
}

/** Takes the place of the network: keeps every webhook, and answers with `status`. */
export class WebhookReceiver {
  readonly received: CapturedWebhook[] = []
  status = 204

  readonly send: SendWebhook = async (url, headers, body) => {
    this.received.push({ url: url.href, headers, body, event: JSON.parse(body) as WebhookEvent })
    return { status: this.status, retryAfter: null, body: '', ms: 0 }
  }
}
