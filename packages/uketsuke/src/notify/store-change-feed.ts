import type { Log } from '../base/log.ts'
import type { Store } from '../store/port.ts'
import { CatchUp } from './catch-up.ts'
import type { ChangeFeed } from './change-feed.ts'

/** Announces changes of this process directly, and reads the store when it notifies of another process's commit. */
export function storeChangeFeed(store: Store, log: Log): ChangeFeed {
  const catchUp = new CatchUp(store, log)
  let followers = 0
  let subscription: { only: 'work' | undefined; stop(): void } | null = null

  function subscribe(): void {
    const only = followers > 0 ? undefined : 'work'
    if (subscription !== null && subscription.only === only && catchUp.size > 0) return
    const last = subscription
    subscription = catchUp.size === 0 ? null : { only, stop: store.onForeignCommit(catchUp.foreign, only) }
    // After the next one began, so that the store need not stop and start to listen.
    last?.stop()
  }

  return {
    announce(jobs) {
      for (const job of jobs) catchUp.notify(job)
    },
    listen(listener) {
      const follows = listener.isWorker === true ? 0 : 1
      catchUp.add(listener)
      followers += follows
      subscribe()
      return () => {
        catchUp.remove(listener)
        followers -= follows
        subscribe()
      }
    },
  }
}
