import type { Job } from '../domain/job.ts'
import type { KnownVersion } from '../store/port.ts'

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
