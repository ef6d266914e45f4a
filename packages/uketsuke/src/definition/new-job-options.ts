import type { Priority } from '../domain/job.ts'

/** What can be said of a new job beside its type and input. */
export interface NewJobOptions {
  /** The owner of the job. Over HTTP, only this owner can see it. An explicit `undefined` is an error. Default: `system`. */
  owner?: string
  /** `high` jobs run before `normal` jobs. Default: `normal`. */
  priority?: Priority
  /** The URL that receives a signed webhook when the job ends. */
  webhookUrl?: string
  /**
   * 1 to 255 characters. A second call with the same key, owner and arguments within 24 hours returns the existing job. With other
   * arguments it rejects with `idempotency-key-reused`.
   */
  idempotencyKey?: string
  /** How long to wait before the job runs, in milliseconds, up to `limits.delay`. Do not combine it with `runAt`. Default: 0. */
  delay?: number
  /** When to run the job: a `Date` or an ISO 8601 string. A time in the past means now. Default: now. */
  runAt?: Date | string
  /** Your own data, stored with the job and visible to clients. Up to `limits.metadataBytes` as JSON. */
  metadata?: Record<string, unknown>
}
