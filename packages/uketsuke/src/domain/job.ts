import type { JobStatus, Priority } from '@uketsuke/client'
import type { Failure } from './errors.ts'

export type { JobStatus, Priority }

export const jobStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const satisfies JobStatus[]

/** User jobs and webhook deliveries wait in separate queues, so that a slow receiver never delays a job. */
export type Queue = 'jobs' | 'deliveries'

/**
 * A job as stores keep it. Times are in milliseconds since the epoch; `input`, `output`, `files` and `metadata` are JSON text.
 */
export interface Job {
  readonly id: string
  readonly queue: Queue
  readonly type: string
  readonly owner: string
  readonly priority: Priority
  readonly status: JobStatus
  /** Incremented by every committed change. Serves as compare-and-swap guard, fencing token, ETag and SSE event id. */
  readonly version: number
  /** Number of the current or last attempt; 0 before the first. */
  readonly attempt: number
  readonly maxAttempts: number
  /** 0…100; 100 exactly when completed. */
  readonly progress: number
  readonly progressMessage: string | null
  readonly input: string
  readonly output: string | null
  /** The files that the attempt which completed the job has saved: the JSON text of a list. Null if there are none. */
  readonly files: string | null
  readonly error: Failure | null
  /** Why the previous attempt failed; set while the job is pending or running. */
  readonly lastError: Failure | null
  readonly metadata: string | null
  readonly webhookUrl: string | null
  readonly retryOf: string | null
  /** For a delivery: the id of the job that it reports. */
  readonly parent: string | null
  /** The trace context of the request that created the job: JSON text of W3C header fields. Null without tracing. */
  readonly trace: string | null
  readonly createdAt: number
  /** The job does not run before this time. */
  readonly runAt: number
  /** The place in the order of claims among jobs of the same priority, in microseconds since the epoch; null unless pending. */
  readonly rank: number | null
  /** The jobs with the same key share the limits of their type. Null if it has none. */
  readonly limitKey: string | null
  /** Pending, and not to be claimed before there is room within the limits of its key. */
  readonly parked: boolean
  /** The batch that the job was enqueued with. */
  readonly batch: string | null
  /** When the current or last attempt started. */
  readonly startedAt: number | null
  readonly completedAt: number | null
  readonly cancelRequestedAt: number | null
  /** How long the job is kept after it becomes terminal, in milliseconds. */
  readonly retainFor: number
  readonly expiresAt: number | null
  /**
   * The worker that runs the job, or that ran its last attempt. Null while pending, or if the job ended while pending.
   */
  readonly worker: string | null
  readonly leaseUntil: number | null
}

/** What the caller specifies for a new job. `create` derives the rest. */
export interface NewJob {
  id: string
  queue?: Queue
  type: string
  owner: string
  input: string
  priority?: Priority
  maxAttempts: number
  metadata?: string | null
  webhookUrl?: string | null
  retryOf?: string | null
  parent?: string | null
  trace?: string | null | undefined
  runAt?: number
  rank?: number | null | undefined
  limitKey?: string | null | undefined
  batch?: string | null | undefined
  retainFor: number
}

/** Identifies the attempt of a job that a worker holds. */
export interface Lease {
  readonly id: string
  readonly attempt: number
  readonly worker: string
}

/**
 * One ended attempt. The attempt that ended the job is not stored separately: `lastAttempt` derives it from the job.
 */
export interface Attempt {
  readonly jobId: string
  readonly attempt: number
  readonly worker: string
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'lease-lost' | 'released'
  readonly error: Failure | null
}

/** A compare-and-swap write: applied only if the stored version is still `before.version`. */
export interface Change {
  readonly before: Job
  readonly after: Job
  /** The webhook deliveries that this change triggers, stored in the same commit. */
  readonly spawn: readonly Job[]
  /** The attempt that this change ends while the job continues, stored in the same commit. */
  readonly attempt: Attempt | null
}

/** Whether the current attempt is the last one allowed. */
export const isLastAttempt = (job: Pick<Job, 'attempt' | 'maxAttempts'>): boolean => job.attempt >= job.maxAttempts

export const isTerminal = (job: Pick<Job, 'completedAt'>): boolean => job.completedAt !== null

/** Whether the retention of a job is over, so that it may be pruned at any time. */
export const isExpired = ({ expiresAt }: Pick<Job, 'expiresAt'>, now: number): boolean =>
  expiresAt !== null && expiresAt <= now

/** The order in which pending jobs are claimed: by priority, then by rank, then by age. */
export const inClaimOrder = (a: Job, b: Job): number => byPriority(a, b) || (a.rank ?? 0) - (b.rank ?? 0) || byId(a, b)
/** The order in which claimed jobs start: by priority, then by the time at which they were due, then by age. */
export const inStartOrder = (a: Job, b: Job): number => byPriority(a, b) || a.runAt - b.runAt || byId(a, b)

const byPriority = (a: Job, b: Job) => Number(b.priority === 'high') - Number(a.priority === 'high')
const byId = (a: Job, b: Job) => (a.id < b.id ? -1 : 1)

/** The rank of a job that is due at a time. It cannot be claimed before. */
export const rankAt = (time: number): number => time * 1_000
/** When a job with a rank can be claimed. */
export const dueAt = (rank: number): number => Math.ceil(rank / 1_000)
