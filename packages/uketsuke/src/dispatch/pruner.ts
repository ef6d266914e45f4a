import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { periodically } from '../base/periodically.ts'
import type { Store } from '../store/port.ts'

interface PrunerParts {
  store: Store
  clock: Clock
  log: Log
  /** How many finished jobs of a type are kept, for the types with a limit. */
  maxKept: ReadonlyMap<string, number>
}

const intervalMs = 1_000
const pauseMs = 60_000
const batch = 500

/** Deletes jobs whose retention is over or that are too many, about once a minute, until `signal` aborts. */
export async function prune(parts: PrunerParts, signal: AbortSignal): Promise<void> {
  const { store, clock, maxKept } = parts
  let next = clock.now()
  await periodically({ ...parts, intervalMs, name: 'pruning expired jobs' }, signal, async () => {
    if (clock.now() < next) return
    let more = (await store.prune(batch)) === batch
    for (const [type, kept] of maxKept) more = (await store.pruneType(type, kept, batch)) === batch || more
    // A full batch means that there is more: the next turn goes on.
    if (!more) next = clock.now() + pauseMs
  })
}
