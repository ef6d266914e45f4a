import type { Agent } from 'undici'
import { type Clock, systemClock } from '../base/clock.ts'
import { type ConnectOptions, guardedConnect } from './guarded-connect.ts'
import { WebhookRequest, type WebhookResponse } from './webhook-request.ts'

/**
 * Sends one webhook. Rejects with the signal's reason as soon as that aborts.
 * @throws {DeliveryError} `webhook-unreachable` if there is no complete response
 * @throws {UnrecoverableError} `webhook-url-forbidden` if the host resolves to a forbidden address
 */
export type SendWebhook = (
  url: URL,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
) => Promise<WebhookResponse>

/** Uses undici: 5 s to connect, 20 s in total, no redirects, at most 64 KiB of the response is read. Call `close` at the end. */
export function createWebhookClient(
  options: ConnectOptions,
  clock: Clock = systemClock,
): { post: SendWebhook; close(): Promise<void> } {
  let agent: Promise<Agent> | null = null
  return {
    // Workers have stopped by now, so no request is still needed.
    close: async () => (await agent)?.destroy(),
    async post({ origin, pathname, search }, headers, body, signal) {
      agent ??= createAgent(options)
      const dispatcher = await agent
      signal.throwIfAborted()
      return new Promise((resolve, reject) => {
        const handler = new WebhookRequest(signal, clock, { resolve, reject })
        dispatcher.dispatch({ origin, path: pathname + search, method: 'POST', headers, body }, handler)
      })
    },
  }
}

/** Loads undici with the first webhook: it takes half of the time and a third of the memory of this package's startup. */
async function createAgent(options: ConnectOptions): Promise<Agent> {
  const { Agent, buildConnector } = await import('undici')
  // `WebhookRequest` has its own total deadline. Proxy environment variables are ignored.
  return new Agent({ connect: guardedConnect(buildConnector, options), headersTimeout: 0, bodyTimeout: 0 })
}
