export type JobStatus = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled'
export type Priority = 'normal' | 'high'

/** Why an attempt or a job failed. It never contains a stack trace. */
export interface Failure {
  /** A code of the server's catalogue, or the code that the handler gave its `JobError`. */
  readonly code: string
  /** A sentence for people. */
  readonly message: string
  /** Whether another attempt can follow. Always false in the `error` of a failed job. */
  readonly retryable: boolean
}

/** How sure an estimate is: `high` from half of the progress on, or for a type whose runs take about the same time. */
export type EstimateConfidence = 'low' | 'medium' | 'high'

/** What every job has, whatever its status. Times are ISO 8601 in UTC. */
export interface JobFields<Type extends string, Input> {
  /** A ULID: sortable by creation time. */
  jobId: string
  type: Type
  /** 0…100; 100 exactly when completed. Never decreases within an attempt. */
  progress: number
  /** The handler's latest progress message, or null if there is none. */
  progressMessage: string | null
  /** Incremented by every committed change; also the ETag of the status and the SSE event id. */
  version: number
  /** Number of the current or last attempt; 0 before the first. */
  attempt: number
  maxAttempts: number
  priority: Priority
  createdAt: string
  /** When the current or last attempt started. */
  startedAt: string | null
  /** Not null exactly when the job is terminal. */
  completedAt: string | null
  /** The earliest time at which the job, or its next attempt, runs. */
  runAt: string
  /** When cancellation of the running job was requested. */
  cancelRequestedAt: string | null
  /** When the job may be removed; null until it is terminal. */
  expiresAt: string | null
  /** The caller's own metadata, if any was given. */
  metadata?: unknown
  webhookUrl?: string
  /** The id of the job that this one retries. */
  retryOf?: string
  /** The id of the batch that the job was enqueued with. */
  batchId?: string
  /** Only if requested with `include`. */
  input?: Input
  /** Only in the response to a request that created no job, since an unfinished one has the same unique key: this one. */
  deduplicated?: true
  statusUrl: string
  streamUrl: string
  cancelUrl: string
}

/** A job that waits for a worker or for its next attempt. */
export interface PendingJob<Type extends string = string, Input = unknown> extends JobFields<Type, Input> {
  status: 'pending'
  completedAt: null
  /** Position among the due jobs; 1 runs next. Only if the store can determine it cheaply. */
  queuePosition?: number
  output?: undefined
  outputOmitted?: undefined
  files?: undefined
  error?: undefined
  /** Why the previous attempt failed. */
  lastError?: Failure
}

/** A job that a worker runs. */
export interface RunningJob<Type extends string = string, Input = unknown> extends JobFields<Type, Input> {
  status: 'running'
  startedAt: string
  /** When the job will probably complete, by its progress and by what its type usually takes. Only if either is known. */
  estimatedCompletionAt?: string
  estimateConfidence?: EstimateConfidence
  completedAt: null
  queuePosition?: undefined
  output?: undefined
  outputOmitted?: undefined
  files?: undefined
  error?: undefined
  /** Why the previous attempt failed. */
  lastError?: Failure
}

interface EndedJob<Type extends string, Input> extends JobFields<Type, Input> {
  completedAt: string
  expiresAt: string
  queuePosition?: undefined
  lastError?: undefined
}

/** A file that a completed job hands over. */
export interface JobFile {
  name: string
  contentType: string
  bytes: number
  /** In hexadecimal. */
  sha256: string
  /** Needs the caller's credential; `link` gives a URL for `<a>` and `<img>`. */
  url: string
}

/** A job that has succeeded, with its output. */
export interface CompletedJob<Type extends string = string, Output = unknown, Input = unknown>
  extends EndedJob<Type, Input> {
  status: 'completed'
  startedAt: string
  /** The handler's return value, as JSON. */
  output: Output
  outputOmitted?: undefined
  /** Only if the handler has saved some. */
  files?: JobFile[]
  error?: undefined
}

/** A job that has succeeded, without its output: in lists, in webhooks above 16 KiB, and without the scope `jobs:read`. */
export interface CompletedJobSummary<Type extends string = string, Input = unknown> extends EndedJob<Type, Input> {
  status: 'completed'
  startedAt: string
  output?: undefined
  outputOmitted: true
  files?: JobFile[]
  error?: undefined
}

/** A job that has failed for good. */
export interface FailedJob<Type extends string = string, Input = unknown> extends EndedJob<Type, Input> {
  status: 'failed'
  output?: undefined
  outputOmitted?: undefined
  files?: undefined
  /** Why the job failed. */
  error: Failure
}

/** A job that was cancelled. */
export interface CancelledJob<Type extends string = string, Input = unknown> extends EndedJob<Type, Input> {
  status: 'cancelled'
  output?: undefined
  outputOmitted?: undefined
  files?: undefined
  error: Failure
}

/**
 * A job as clients see it: identical over HTTP, over SSE, in webhooks and from the library. Its `status` tells which members it has:
 * after `job.status === 'completed'`, `job.output` is there.
 */
export type JobView<Type extends string = string, Output = unknown, Input = unknown> =
  | PendingJob<Type, Input>
  | RunningJob<Type, Input>
  | CompletedJob<Type, Output, Input>
  | FailedJob<Type, Input>
  | CancelledJob<Type, Input>

/** A job in a list, without its output. */
export type JobSummary<Type extends string = string, Input = unknown> =
  | PendingJob<Type, Input>
  | RunningJob<Type, Input>
  | CompletedJobSummary<Type, Input>
  | FailedJob<Type, Input>
  | CancelledJob<Type, Input>

/** The jobs that one call has created, counted by status. Times are ISO 8601 in UTC. */
export interface BatchView {
  batchId: string
  total: number
  pending: number
  running: number
  completed: number
  failed: number
  cancelled: number
  /** 0…100; 100 exactly when all jobs have ended. */
  progress: number
  /** When the first job was created. */
  createdAt: string
  /** When the last job ended; null until then. */
  completedAt: string | null
  statusUrl: string
  streamUrl: string
}
