import type { Clock } from '../base/clock.ts'
import type { Store } from '../store/port.ts'
import { manualClock } from './clock.ts'
import { claiming } from './store-suite/claiming.ts'
import type { Check } from './store-suite/fixture.ts'
import { inserting } from './store-suite/inserting.ts'
import { leasing } from './store-suite/leasing.ts'
import { moving, type RawTablesPair } from './store-suite/moving.ts'
import { reading } from './store-suite/reading.ts'
import { removing } from './store-suite/removing.ts'
import { replacing } from './store-suite/replacing.ts'
import { sharing } from './store-suite/sharing.ts'
import { together } from './store-suite/together.ts'

export interface StoreSuite {
  /** Declares one test, such as `test` of node:test or vitest. */
  test(name: string, fn: () => Promise<void>): void
  /** A new, empty store. The suite migrates and closes it. */
  open(clock: Clock): Promise<Store>
  /** Two handles on one new, empty store, as two processes have them. Left out where a store is one process's own. */
  openTwice?(clock: Clock): Promise<[Store, Store]>
  /** A new, empty place for a store, with its archive. Left out where nothing outlives the store. */
  openKept?: RawTablesPair['openKept']
}

/** What every store must do: the port's promises, one test each. Whoever writes a store runs this over it. */
export function storeSuite({ test, open, openTwice, openKept }: StoreSuite): void {
  const check: Check = (name, body) =>
    test(name, async () => {
      const clock = manualClock()
      const store = await open(clock)
      try {
        await store.migrate()
        await body({ store, clock })
      } finally {
        await store.close()
      }
    })

  for (const group of [inserting, claiming, replacing, leasing, reading, removing, sharing]) group(check)
  if (openTwice !== undefined) together({ test, openTwice })
  if (openKept !== undefined) moving({ test, openKept })
}
