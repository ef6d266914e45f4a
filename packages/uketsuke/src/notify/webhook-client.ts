import type { Agent } from 'undici'
import { type Clock, systemClock } from '../base/clock.ts'
import { WebhookRequest, type WebhookResponse } from './webhook-request.ts'

/**
 * Sends one webhook. Rejects with the signal's reason as soon as that aborts.
 * @throws {DeliveryError} `webhook-unreachable` where no whole answer came
 */
export type SendWebhook = (
  url: URL,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
) => Promise<WebhookResponse>

const connectMs = 5_000

/** Over undici: 5 s to connect, 20 s in all, redirects not followed, at most 64 KiB read. Call `close` at the end. */
export function createWebhookClient(clock: Clock = systemClock): { post: SendWebhook; close(): Promise<void> } {
  let agent: Promise<Agent> | null = null
  return {
    close: async () => (await agent)?.close(),
    async post({ origin, pathname, search }, headers, body, signal) {
      agent ??= connecting()
      const dispatcher = await agent
      signal.throwIfAborted()
      return new Promise((resolve, reject) => {
        const exchange = new WebhookRequest(signal, clock, { resolve, reject })
        dispatcher.dispatch({ origin, path: pathname + search, method: 'POST', headers, body }, exchange)
      })
    },
  }
}

/** Loaded with the first webhook: undici is half of the time and a third of the memory that this package needs to start. */
async function connecting(): Promise<Agent> {
  const { Agent } = await import('undici')
  // An exchange has a deadline of its own, over everything.
  return new Agent({ connect: { timeout: connectMs }, headersTimeout: 0, bodyTimeout: 0 })
}
