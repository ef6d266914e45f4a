import type { Job } from '../domain/job.ts'
import type { Log } from '../log.ts'
import type { ForeignCommit, Known, Store } from '../store/port.ts'

/** Somebody who wants to hear of changes: it says what it knows, and is told what is newer. */
export interface Listener {
  known(): Iterable<Known>
  changed(job: Job): void
}

/** "Job X is at version N", across whatever lies between processes. A hint: losing one costs latency, never a state. */
export interface Signal {
  /** Tells what this process has just committed. */
  announce(jobs: readonly Job[]): void
  listen(listener: Listener): () => void
}

/** Tells this process's own changes at once, and reads again when the store says that another process has committed. */
export function storeSignal(store: Store, log: Log): Signal {
  const listeners = new Set<Listener>()
  let stopListening: (() => void) | null = null
  let reading = false
  let readAgain = false

  const tell = (job: Job) => {
    for (const listener of listeners) listener.changed(job)
  }

  /** Where the store says what has changed, only what somebody follows, and does not know yet, is worth a read. */
  function worthReading(commit?: ForeignCommit): boolean {
    if (commit === undefined) return true
    const versions = new Map(commit.changed.map(({ id, version }) => [id, version]))
    for (const listener of listeners) {
      for (const { id, version } of listener.known()) if ((versions.get(id) ?? 0) > version) return true
    }
    return false
  }

  /** One read at a time; a commit seen during it makes another one follow, so none is overlooked. */
  async function catchUp(): Promise<void> {
    readAgain = true
    if (reading) return
    reading = true
    try {
      while (readAgain) {
        readAgain = false
        const known = [...listeners].flatMap((listener) => [...listener.known()])
        if (known.length > 0) for (const job of await store.newer(known)) tell(job)
      }
    } catch (error) {
      log.warn({ err: error }, 'changes of other processes could not be read; the next commit tries again')
    } finally {
      reading = false
    }
  }

  return {
    announce(jobs) {
      for (const job of jobs) tell(job)
    },
    listen(listener) {
      listeners.add(listener)
      stopListening ??= store.onForeignCommit((commit) => {
        if (worthReading(commit)) void catchUp()
      })
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        stopListening?.()
        stopListening = null
      }
    },
  }
}
