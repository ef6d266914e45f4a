import type { Failure } from './errors.ts'

export const jobStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const
export type JobStatus = (typeof jobStatuses)[number]
export type Priority = 'normal' | 'high'

/** Users' jobs and the webhook deliveries they cause wait in two queues, so that a slow receiver never holds up a job. */
export type Queue = 'jobs' | 'deliveries'

/** One job, as every store keeps it. Times are milliseconds since the epoch; `input`, `output` and `metadata` are JSON text. */
export interface Job {
  readonly id: string
  readonly queue: Queue
  readonly type: string
  readonly owner: string
  readonly priority: Priority
  readonly status: JobStatus
  /** One more with every committed change: swap guard, fencing token, ETag and SSE id. */
  readonly version: number
  /** Which run this is: 0 before the first. */
  readonly attempt: number
  readonly maxAttempts: number
  /** 0…100; 100 exactly when completed. */
  readonly progress: number
  readonly progressMessage: string | null
  readonly input: string
  readonly output: string | null
  readonly error: Failure | null
  /** Why the previous attempt ended, while another one is to come or under way. */
  readonly lastError: Failure | null
  readonly metadata: string | null
  readonly webhookUrl: string | null
  readonly retryOf: string | null
  /** Of a delivery: the job that it tells about. */
  readonly parent: string | null
  readonly createdAt: number
  /** Not before this time. */
  readonly runAt: number
  /** When the present or last attempt began. */
  readonly startedAt: number | null
  readonly completedAt: number | null
  readonly cancelRequestedAt: number | null
  /** How long the job is kept once it is terminal, in milliseconds. */
  readonly retainFor: number
  readonly expiresAt: number | null
  /** Who runs it, or ran the attempt with which it ended; null where it waits, or ended while it waited. */
  readonly worker: string | null
  readonly leaseUntil: number | null
}

/** What a caller decides about a job; the rest follows from `create`. */
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
  runAt?: number
  retainFor: number
}

/** Proof that a worker holds one attempt of a job. */
export interface Lease {
  readonly id: string
  readonly attempt: number
  readonly worker: string
}

/** One ended attempt, for whoever asks what happened. The one with which a job ended stands in the job itself: `lastAttempt`. */
export interface Attempt {
  readonly jobId: string
  readonly attempt: number
  readonly worker: string
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'lease-lost' | 'released'
  readonly error: Failure | null
}

/** A write that says what it expects: applied only if the stored version is still `before.version`. */
export interface Change {
  readonly before: Job
  readonly after: Job
  /** The webhook delivery that this change causes, stored in the same commit. */
  readonly spawn: Job | null
  /** The attempt that this change ends while the job goes on, stored in the same commit. */
  readonly attempt: Attempt | null
}

/** Whether the attempt that runs is the last one allowed. */
export const isLastAttempt = (job: Pick<Job, 'attempt' | 'maxAttempts'>): boolean => job.attempt >= job.maxAttempts

export const isTerminal = (job: Pick<Job, 'completedAt'>): boolean => job.completedAt !== null

/** The order in which jobs are claimed: by priority, then by the time at which they are due, then by age. */
export const inClaimOrder = (a: Job, b: Job): number =>
  Number(b.priority === 'high') - Number(a.priority === 'high') || a.runAt - b.runAt || (a.id < b.id ? -1 : 1)
