import type { Log } from '../base/log.ts'
import type { Job } from '../domain/job.ts'
import type { KnownVersion, Store } from '../store/port.ts'
import { CatchUp } from './catch-up.ts'

/** Somebody who wants to hear of changes: it says what it knows, and is told what is newer. */
export interface Listener {
  known(): Iterable<KnownVersion>
  changed(job: Job): void
}

/** "Job X is at version N", across whatever lies between processes. A hint: losing one costs latency, never a state. */
export interface ChangeFeed {
  /** Tells what this process has just committed. */
  announce(jobs: readonly Job[]): void
  listen(listener: Listener): () => void
}

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
