import type { Job } from '../domain/job.ts'

/** One reader of one job. Latest wins: whoever is slow misses states, never the last one. */
export interface Follower {
  /** The newest state later than the one given before; null after the terminal state was given, or once closed. One call at a time. */
  next(): Promise<Job | null>
  close(): void
}
