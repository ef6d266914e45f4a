/** Where a run stores its jobs: new and empty for each run. */
export interface Resources {
  /** A folder on the measured disk. */
  readonly folder: string
  /** The URL of a new database. */
  readonly postgres: string
  /** Redis with `appendfsync everysec`. */
  readonly redis: string
  /** Redis with `appendfsync always`. */
  readonly redisAlways: string
}

/** The payload of a job: its number, the time of the enqueue call (see `clock.ts`), and padding. */
export interface Payload {
  readonly n: number
  readonly at: number
  readonly pad: string
}

export type Handler = (payload: Payload) => unknown

export interface OpenOptions {
  /** The webhook URL of every job; Uketsuke only. */
  readonly webhookUrl?: string
  /** Milliseconds; by default the system's own. */
  readonly lease?: number
}

export interface Counts {
  /** Jobs that have not finished. */
  readonly unfinished: number
  /** Jobs stored as completed; null if the system deletes them. */
  readonly completed: number | null
  /** Webhooks stored as delivered. */
  readonly delivered?: number
}

/** What a measure needs from a job system. */
export interface Queue {
  /** What an accepted job survives, as reported by the running system. */
  durability(): Promise<string>
  /** Resolves when the system has accepted the job, with the durability above. */
  enqueue(payload: Payload): Promise<unknown>
  /** Uses the system's own bulk call, if it has one. */
  enqueueMany(payloads: readonly Payload[]): Promise<unknown>
  /** Runs jobs in this process. Returns a function that stops the worker gracefully. */
  work(handler: Handler, options?: { concurrency?: number }): Promise<() => Promise<void>>
  counts(): Promise<Counts>
  /** Enqueues a job and resolves with its result; absent if the system can only poll for it. */
  enqueueAndWait?(payload: Payload): Promise<unknown>
  /** Serves the jobs API, or a route with the Express adapter, on loopback; Uketsuke only. */
  serve?(on: 'node' | 'express'): Promise<{ url: string; close(): Promise<void> }>
  /**
   * Adds rows by copying a finished and a waiting job, of which the queue must hold one each if their number is not 0.
   * `otherType`: the waiting jobs get a type that no worker runs.
   */
  seed?(finished: number, waiting: number, otherType?: boolean): Promise<void>
  /** Enqueues jobs of another type, of which one runs at a time, and does not end; Uketsuke only. */
  limited?(jobs: number): Promise<void>
  close(): Promise<void>
}

export type OpenQueue = (resources: Resources, options: OpenOptions) => Promise<Queue>
