import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { polling } from '../dispatch/polling.ts'
import type { Dispatch } from '../dispatch/port.ts'
import { type Signal, storeSignal } from '../notify/change-feed.ts'
import type { Store } from '../store/port.ts'

/** How the processes on one store hear of each other: of work that waits, and of changes. Only ever hints. */
export interface Relay {
  /** For the operator: by what. */
  readonly description: string
  readonly dispatch: Dispatch
  readonly signal: Signal
  /** Called once the store is open. Rejects where it could never work; a network that is down is waited for elsewhere. Idempotent. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface RelayParts {
  store: Store
  clock: Clock
  log: Log
}

/** What `redis(url)` gives to `createJobs`. */
export type OpenRelay = (parts: RelayParts) => Relay

/** By the store alone. */
export function storeRelay({ store, log }: RelayParts): Relay {
  return {
    description: 'by the store itself',
    dispatch: polling(store),
    signal: storeSignal(store, log),
    async start() {},
    async close() {},
  }
}
