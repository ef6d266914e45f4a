import type { Job } from '../domain/job.ts'
import type { KnownVersion } from '../store/port.ts'

/** A subscriber to job changes. It reports the versions that it knows, and gets newer ones. */
export interface Listener {
  known(): Iterable<KnownVersion>
  /** A worker: it needs to hear only what others do to the jobs that it runs. */
  readonly isWorker?: boolean
  changed(job: Job): void
}

/** Notifies processes that job X is at version N. This is a hint: a lost one costs latency, never a state. */
export interface ChangeFeed {
  /** Announces what this process has just committed. */
  announce(jobs: readonly Job[]): void
  listen(listener: Listener): () => void
}
