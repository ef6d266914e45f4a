/** Where one run keeps its jobs: new and empty each time. */
export interface Place {
  /** A folder for files, on a real disk. */
  readonly folder: string
  /** A database of this run's own. */
  readonly postgres: string
  /** Redis with `appendfsync everysec`. */
  readonly redis: string
  /** Redis with `appendfsync always`. */
  readonly redisAlways: string
}

/** What each job carries: its number, when its producer asked for it (see `clock.ts`), and some ballast. */
export interface Payload {
  readonly n: number
  readonly at: number
  readonly pad: string
}

export type Handler = (payload: Payload) => unknown

export interface OpenOptions {
  /** Every job asks to be told of here; only for this project. */
  readonly webhookUrl?: string
  /** Milliseconds; the system's own default where absent. */
  readonly lease?: number
}

export interface Counts {
  /** Jobs that have not ended. */
  readonly waiting: number
  /** Jobs kept as ended well; null where the system deletes them. */
  readonly ended: number | null
  /** Webhooks that were delivered. */
  readonly delivered?: number
}

/** What a measure needs of a job system. */
export interface Queue {
  /** What an accepted job survives, as the running system says. */
  durability(): Promise<string>
  /** Resolves when the job is accepted, at this system's durability. */
  enqueue(payload: Payload): Promise<unknown>
  /** Many at once, by the system's own way to do that. */
  bulk(payloads: readonly Payload[]): Promise<unknown>
  /** Runs jobs in this process. Gives a function that stops gracefully. */
  work(handler: Handler, options?: { concurrency?: number }): Promise<() => Promise<void>>
  counts(): Promise<Counts>
  /** Enqueues and resolves with what the handler returned once this process is told so; absent where only polling could. */
  tell?(payload: Payload): Promise<unknown>
  /** Serves the jobs API on loopback, or a route on Express by the project's adapter; only for this project. */
  serve?(on: 'node' | 'express'): Promise<{ url: string; close(): Promise<void> }>
  /** Puts rows beside the present ones, as they would be after many jobs. `foreign`: what waits is of another type. Called on a queue in which one job has ended. */
  seed?(finished: number, waiting: number, foreign?: boolean): Promise<void>
  close(): Promise<void>
}

export type OpenQueue = (place: Place, options: OpenOptions) => Promise<Queue>
