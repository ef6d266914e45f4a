import type { Agent } from 'undici'
import { type Clock, systemClock } from '../base/clock.ts'
import { type ConnectOptions, guardedConnect } from './guarded-connect.ts'
import { WebhookRequest, type WebhookResponse } from './webhook-request.ts'

/**
 * Sends one webhook. Rejects with the signal's reason as soon as that aborts.
 * @throws {DeliveryError} `webhook-unreachable` where no complete response came; `UnrecoverableError` `webhook-url-forbidden` where the
 * host resolves to an address that may not be called
 */
export type SendWebhook = (
  url: URL,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
) => Promise<WebhookResponse>

/** Over undici: 5 s to connect, 20 s in all, redirects are not followed, at most 64 KiB is read. Call `close` at the end. */
export function createWebhookClient(
  options: ConnectOptions,
  clock: Clock = systemClock,
): { post: SendWebhook; close(): Promise<void> } {
  let agent: Promise<Agent> | null = null
  return {
    // Workers have stopped by then: what is still under way was given up.
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

/** Loaded with the first webhook: undici is half of the time and a third of the memory that this package needs to start. */
async function createAgent(options: ConnectOptions): Promise<Agent> {
  const { Agent, buildConnector } = await import('undici')
  // `WebhookRequest` has a deadline of its own over everything. Proxies of the environment are not used.
  return new Agent({ connect: guardedConnect(buildConnector, options), headersTimeout: 0, bodyTimeout: 0 })
}
