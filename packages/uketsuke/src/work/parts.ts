import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Runnable } from '../definition/define.ts'
import type { Dispatch } from '../dispatch/port.ts'
import type { Job, Queue } from '../domain/job.ts'
import type { FileStorage } from '../files/port.ts'
import type { ChangeFeed } from '../notify/change-feed.ts'
import type { OutputFeed } from '../output/feed.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { Enqueue } from './context.ts'
import type { JobLog } from './job-log.ts'

/** What a worker is made of. */
export interface WorkerParts {
  store: Store
  transition: Transition
  dispatch: Dispatch
  changes: ChangeFeed
  clock: Clock
  log: Log
  /** How long a lease lasts, in milliseconds. */
  leaseMs: number
  /** The maximum size of an output as JSON, in bytes. */
  outputBytes: number
  /** Called with the jobs whose attempts this worker starts. */
  claimed(jobs: readonly Job[]): void
  /** How many finished jobs of a type are kept, for the types with a limit. */
  maxKept: ReadonlyMap<string, number>
  /** Null without tracing. */
  tracing: Tracing | null
  /** Keeps what handlers log. */
  jobLog: JobLog
  /** Creates the jobs of schedules. */
  ticker: Ticker
  /** Lets parked jobs become ready. */
  admission: { run(signal: AbortSignal): Promise<void> }
  /** Wakes those in this process who read live output. */
  outputFeed: OutputFeed
  /** The maximum sizes of one chunk and of all live output of a run, in bytes. */
  chunkBytes: number
  streamBytes: number
  /** Where the files of jobs are kept; null if nowhere. */
  files: FileStorage | null
  /** Stores a job that a handler enqueues. */
  enqueue: Enqueue
}

export interface Ticker {
  /** Creates the jobs that are due. Resolves with the next time. Never rejects. */
  tick(): Promise<number>
  /** Ticks until `signal` aborts, first at `next`. */
  run(signal: AbortSignal, next: number): Promise<void>
}

/** What a worker runs from one queue, and how many at a time. */
export interface WorkerQueue {
  queue: Queue
  types: ReadonlyMap<string, Runnable>
  concurrency: number
  /** Where all places were taken, how long the next claim waits until a quarter of them is free, in milliseconds. Absent: it does not wait. */
  gatherMs?: number
}
