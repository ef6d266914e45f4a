import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { polling } from '../dispatch/polling.ts'
import type { Dispatch } from '../dispatch/port.ts'
import type { ChangeFeed } from '../notify/change-feed.ts'
import { storeChangeFeed } from '../notify/store-change-feed.ts'
import type { Store } from '../store/port.ts'

/**
 * How processes on one store notify each other of pending work and changes. Notifications are only hints and may be
 * lost.
 */
export interface Transport {
  /** For operators: the means of notification. */
  readonly description: string
  readonly dispatch: Dispatch
  readonly changes: ChangeFeed
  /**
   * Called after the store is open. Rejects only if it can never work; network failures are retried in the background.
   * Idempotent.
   */
  start(): Promise<void>
  close(): Promise<void>
}

export interface TransportParts {
  store: Store
  clock: Clock
  log: Log
}

/** Made by `redis(url)` and called by `createJobs`. */
export type TransportFactory = (parts: TransportParts) => Transport

/** The default transport: notifications by the store itself. */
export function storeTransport({ store, log }: TransportParts): Transport {
  return {
    description: 'the store itself',
    dispatch: polling(store),
    changes: storeChangeFeed(store, log),
    async start() {},
    async close() {},
  }
}
