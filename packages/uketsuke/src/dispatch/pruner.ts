import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Store } from '../store/port.ts'
import { periodically } from './periodically.ts'

interface PrunerParts {
  store: Store
  clock: Clock
  log: Log
}

const intervalMs = 1_000
const pauseMs = 60_000
const batch = 500

/** Deletes jobs whose retention is over, about once a minute, until `signal` aborts. */
export async function prune(parts: PrunerParts, signal: AbortSignal): Promise<void> {
  const { store, clock } = parts
  let next = clock.now()
  await periodically({ ...parts, intervalMs, name: 'pruning expired jobs' }, signal, async () => {
    if (clock.now() < next) return
    // A full batch means that there is more: the next turn goes on.
    if ((await store.prune(batch)) < batch) next = clock.now() + pauseMs
  })
}
