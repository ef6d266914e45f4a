import type { Log } from '../base/log.ts'
import type { Store } from '../store/port.ts'
import { CatchUp } from './catch-up.ts'
import type { ChangeFeed } from './change-feed.ts'

/** Tells this process's own changes at once, and reads again when the store says that another process has committed. */
export function storeChangeFeed(store: Store, log: Log): ChangeFeed {
  const here = new CatchUp(store, log)
  let stopListening: (() => void) | null = null
  return {
    announce(jobs) {
      for (const job of jobs) here.tell(job)
    },
    listen(listener) {
      here.add(listener)
      stopListening ??= store.onForeignCommit(here.foreign)
      return () => {
        here.remove(listener)
        if (here.size > 0) return
        stopListening?.()
        stopListening = null
      }
    },
  }
}
