import type { Log } from '../base/log.ts'
import type { Store } from '../store/port.ts'
import { CatchUp } from './catch-up.ts'
import type { ChangeFeed } from './change-feed.ts'

/** Announces changes of this process directly, and reads the store when it notifies of another process's commit. */
export function storeChangeFeed(store: Store, log: Log): ChangeFeed {
  const catchUp = new CatchUp(store, log)
  let stopListening: (() => void) | null = null
  return {
    announce(jobs) {
      for (const job of jobs) catchUp.notify(job)
    },
    listen(listener) {
      catchUp.add(listener)
      stopListening ??= store.onForeignCommit(catchUp.foreign)
      return () => {
        catchUp.remove(listener)
        if (catchUp.size > 0) return
        stopListening?.()
        stopListening = null
      }
    },
  }
}
