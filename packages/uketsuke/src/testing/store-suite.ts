import type { Clock } from '../base/clock.ts'
import type { Store } from '../store/port.ts'
import { manualClock } from './clock.ts'
import { claiming } from './store-suite/claiming.ts'
import type { Check } from './store-suite/fixture.ts'
import { fragments } from './store-suite/fragments.ts'
import { inserting } from './store-suite/inserting.ts'
import { leasing } from './store-suite/leasing.ts'
import { limiting } from './store-suite/limiting.ts'
import { moving, type RawTablesPair } from './store-suite/moving.ts'
import { reading } from './store-suite/reading.ts'
import { recording } from './store-suite/records.ts'
import { removing } from './store-suite/removing.ts'
import { replacing } from './store-suite/replacing.ts'
import { searching } from './store-suite/searching.ts'
import { sharing } from './store-suite/sharing.ts'
import { together } from './store-suite/together.ts'

/** The argument of `storeSuite`. */
export interface StoreSuite {
  /** Declares one test, such as `test` of node:test or vitest. */
  test(name: string, fn: () => Promise<void>): void
  /** Creates a new, empty store. The suite migrates and closes it. */
  open(clock: Clock): Promise<Store>
  /**
   * Creates two handles on one new, empty store, like two processes. Omit it if the store cannot be shared between
   * processes.
   */
  openTwice?(clock: Clock): Promise<[Store, Store]>
  /** Creates a new, empty location for a store, with its raw tables. Omit it if the store is not persistent. */
  openPersistent?: RawTablesPair['openPersistent']
}

/**
 * The conformance suite for stores: one test for each promise of the `Store` port. Run it for every store
 * implementation.
 */
export function storeSuite({ test, open, openTwice, openPersistent }: StoreSuite): void {
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

  for (const group of [
    inserting,
    claiming,
    limiting,
    replacing,
    leasing,
    reading,
    searching,
    removing,
    sharing,
    recording,
    fragments,
  ])
    group(check)
  if (openTwice !== undefined) together({ test, openTwice })
  if (openPersistent !== undefined) moving({ test, openPersistent })
}
