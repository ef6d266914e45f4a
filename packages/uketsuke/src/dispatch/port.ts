import type { Job, Queue } from '../domain/job.ts'

/** Tells workers that there may be work. Hints only: the claim in the store decides, and a lost hint costs latency. */
export interface Dispatch {
  /** Called after the commit that made these jobs wait. Returns at once and never throws. */
  announce(jobs: readonly Job[]): void
  receive(reception: Subscription): Receiver
}

/** Who wants to hear of work. */
export interface Subscription {
  queue: Queue
  types: readonly string[]
  /**
   * There may be something to claim. With a number: that many jobs were announced to this receiver alone, and nobody else hears of
   * them; without: nobody knows how many, and others hear of them too.
   */
  hint(jobs?: number): void
}

export interface Receiver {
  /** Called after each claim. Before the first call, and while there is no room, hints with a number are left to others. */
  ready(claimed: Claimed): void
  /** No hint follows. What was hinted at and not claimed is told to others. */
  close(): Promise<void>
}

/** How a claim went. */
export interface Claimed {
  /** Of the jobs that were hinted at by number, oldest first: how many this claim was after. */
  seen: number
  /** How many jobs it gave. */
  found: number
  /** For how many more there is room now: 0 where a claim would give nothing. */
  room: number
}
