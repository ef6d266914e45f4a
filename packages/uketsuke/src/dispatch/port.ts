import type { Job, Queue } from '../domain/job.ts'

/** Tells workers that there may be work. These are hints: the claim in the store decides, and a lost hint costs latency only. */
export interface Dispatch {
  /** Called after the commit that made these jobs pending. Returns at once and never throws. */
  announce(jobs: readonly Job[]): void
  receive(subscription: Subscription): Receiver
}

/** A worker that wants to hear of work. */
export interface Subscription {
  queue: Queue
  types: readonly string[]
  /**
   * There may be something to claim. With a number: that many jobs were announced to this receiver alone. Without: the number is
   * unknown, and other workers hear of them too.
   */
  hint(jobs?: number): void
}

export interface Receiver {
  /** Called after each claim. Before the first call, and while there is no room, hints with a number go to other workers. */
  claimed(result: ClaimResult): void
  /** No hint follows. What was hinted at and not claimed is announced to others. */
  close(): Promise<void>
}

/** How a claim went. */
export interface ClaimResult {
  /** How many of the jobs hinted at by number, oldest first, this claim was for. */
  hints: number
  /** How many jobs it found. */
  found: number
  /** How many more jobs there is room for now; 0 where a claim would fail. */
  room: number
}
