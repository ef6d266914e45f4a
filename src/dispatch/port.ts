import type { Job, Queue } from '../domain/job.ts'

/** Tells workers that there may be work. Hints only: the claim in the store decides, and a lost hint costs latency. */
export interface Dispatch {
  /** Called after the commit that made these jobs wait. */
  announce(jobs: readonly Job[]): void
  /** Calls `hint` whenever there may be something to claim in `queue`. The returned function ends that. */
  receive(queue: Queue, hint: () => void): () => void
}
