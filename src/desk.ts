import type { Asked } from './accept/accept.ts'
import type { Clock } from './clock.ts'
import type { Attempt, Job, JobStatus } from './domain/job.ts'
import type { Log } from './log.ts'
import type { Follower } from './notify/watch.ts'
import type { Owner } from './store/port.ts'

/**
 * The reception desk: everything that can be asked about jobs, by whatever way the question came. It decides; `http/` only
 * translates. Every read and write takes the owner; an id that is malformed, absent or foreign is one and the same `job-not-found`.
 */
export interface Desk {
  /** The path at which the jobs API is mounted, without a slash at its end. */
  readonly base: string
  readonly clock: Clock
  readonly log: Log
  /** Aborted when the process drains: nothing new is accepted, streams end, waiting answers are given. */
  readonly draining: AbortSignal
  /** Resolves when the store is open; rejects with `store-unusable` or `temporarily-unavailable`. Every verb below waits for it. */
  ready(): Promise<void>
  /** Validates and stores. `created` is false where an idempotency key gave an earlier job. */
  accept(asked: Asked): Promise<{ job: Job; created: boolean }>
  /** @throws `job-not-found` */
  find(owner: Owner, id: string): Promise<Job>
  /** Newest first; `next` is the id to go on from, null at the end. */
  list(query: DeskListQuery): Promise<{ items: Job[]; next: string | null }>
  /** The job as it stands afterwards: cancelled, asked to stop, or unchanged where it had ended. @throws `job-not-found` */
  cancel(owner: Owner, id: string): Promise<Job>
  /** A new job from one that has ended. @throws `job-not-found`, `job-not-finished` */
  retry(owner: Owner, id: string): Promise<Job>
  /** @throws `job-not-found`, `job-not-finished` */
  remove(owner: Owner, id: string): Promise<void>
  /** 1 for the next to run; null where the job does not wait or it is not cheap to know. */
  position(job: Job): Promise<number | null>
  /**
   * Follows one job: `next()` gives its newest state later than `after` (a version; 0 or absent gives the present state at once),
   * then each newer one, and null once there can be none or it was closed. @throws `job-not-found`
   */
  follow(owner: Owner, id: string, after?: number): Promise<Follower>
  attempts(owner: Owner, id: string): Promise<Attempt[]>
  deliveries(owner: Owner, id: string): Promise<Job[]>
  redeliver(owner: Owner, id: string): Promise<Job>
  /** A key that all processes on this store share, for signing tickets. */
  ticketKey(): Promise<string>
  /** Names and input schemas of the job types, for the OpenAPI document. */
  readonly types: ReadonlyMap<string, { readonly input: unknown }>
}

export interface DeskListQuery {
  owner: Owner
  status?: readonly JobStatus[] | undefined
  type?: string | undefined
  limit: number
  before?: string | undefined
}
