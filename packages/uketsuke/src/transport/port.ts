import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { polling } from '../dispatch/polling.ts'
import type { Dispatch } from '../dispatch/port.ts'
import type { ChangeFeed } from '../notify/change-feed.ts'
import { storeChangeFeed } from '../notify/store-change-feed.ts'
import type { Store } from '../store/port.ts'

/** How the processes on one store hear of each other: of work that waits, and of changes. Only ever hints. */
export interface Transport {
  /** For the operator: by what. */
  readonly description: string
  readonly dispatch: Dispatch
  readonly changes: ChangeFeed
  /** Called once the store is open. Rejects where it could never work; a network that is down is waited for elsewhere. Idempotent. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface TransportParts {
  store: Store
  clock: Clock
  log: Log
}

/** What `redis(url)` gives to `createJobs`. */
export type TransportFactory = (parts: TransportParts) => Transport

/** By the store alone. */
export function storeTransport({ store, log }: TransportParts): Transport {
  return {
    description: 'by the store itself',
    dispatch: polling(store),
    changes: storeChangeFeed(store, log),
    async start() {},
    async close() {},
  }
}
