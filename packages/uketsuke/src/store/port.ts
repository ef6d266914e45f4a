import type { Clock } from '../base/clock.ts'
import type { Attempt, Change, Job, JobStatus, Lease, Queue } from '../domain/job.ts'
import type { Transaction } from './transaction.ts'

/** Whose jobs a read or write may touch. Mandatory wherever a client is behind it; `allOwners` is for the system itself. */
export type Owner = string | typeof allOwners
export const allOwners: unique symbol = Symbol('allOwners')

/** Makes the same request, sent twice, one job. The scope is (owner, route, key). */
export interface IdempotencyKey {
  readonly route: string
  readonly key: string
  /** A hash of the canonical payload: another payload under the same key is an error. */
  readonly fingerprint: string
  /** When the key may be forgotten. */
  readonly expiresAt: number
}

/** How long a caller waits already, and for how long it goes on. */
export interface Waiting {
  /** When it began, by `performance.now()`. */
  readonly since: number
  /** Milliseconds from now to its deadline. */
  readonly within: number
}

export interface Insert {
  readonly job: Job
  readonly key?: IdempotencyKey | undefined
}

export interface Inserted {
  /** The job that is stored now; null where the key's job has been deleted meanwhile. */
  readonly job: Job | null
  readonly created: boolean
  /** The fingerprint that was stored with the key. */
  readonly fingerprint: string | null
}

export interface ClaimQuery {
  readonly queue: Queue
  readonly types: readonly string[]
  readonly limit: number
  readonly worker: string
  readonly leaseMs: number
}

export interface ListQuery {
  readonly owner: Owner
  readonly status?: readonly JobStatus[] | undefined
  readonly type?: string | undefined
  readonly limit: number
  /** Jobs created before this job id. */
  readonly before?: string | undefined
}

/** What is still kept of a job: an id and the version somebody knows. */
export interface KnownVersion {
  readonly id: string
  readonly version: number
}

/** A type of jobs that nobody seems to work, and for how long its oldest job has been due, in milliseconds. */
export interface Unclaimed {
  readonly type: string
  readonly waited: number
}

/** What another process has committed. */
export interface RemoteCommit {
  /** The jobs that were changed, with their new versions. */
  readonly changed: readonly KnownVersion[]
  /** The queues in which a job began to wait. */
  readonly waiting: readonly Queue[]
}

/**
 * Where jobs are kept: rows, not rules. Every write is one commit that is on disk when its promise resolves; a store that cannot
 * promise that throws `temporarily-unavailable` and has written nothing. Leases (`claim`, `renew`) need only be committed, where what loses
 * them would end their workers too; but for a last attempt, which may not begin again. All verbs take and give batches, in the same order.
 */
export interface Store {
  /** For the operator: which engine, and what survives what. */
  readonly description: { readonly engine: string; readonly durability: string }
  /**
   * How group commit serves this store best: rows and characters of users' texts in one commit, and commits of one verb under way at a
   * time; 500, 8 Mi and 1 by default.
   */
  readonly group?: { readonly cap: number; readonly capBytes?: number; readonly inFlight: number }
  /**
   * The store's clock as this process knows it, in milliseconds since the epoch: all times of a decision about a job are its. Absent
   * where it is the clock that the store was given.
   */
  now?(): number
  /** Opens the store and brings its schema up to date. Throws `store-unusable` with a sentence for the operator. Idempotent. */
  migrate(): Promise<void>
  /**
   * One commit. A key that is already taken, until it is pruned, gives the job that took it. Two equal keys in one batch: the first
   * creates. An id that is stored already fails the whole batch. Past its deadline it has ended: stored, or known not to be, or with a
   * `temporarily-unavailable` whose `outcome` is unknown.
   */
  insert(inserts: readonly Insert[], waiting?: Waiting): Promise<Inserted[]>
  /**
   * Inserts as a part of the caller's own transaction: nothing is stored, and nobody is told, unless and until that commits. Absent
   * where the store has no transactions to lend.
   */
  insertWithin?(transaction: Transaction, inserts: readonly Insert[]): Promise<Inserted[]>
  /** The due jobs of this queue and these types, `high` first, then by `runAt` and id; each claimed as the rule `claim` says. */
  claim(query: ClaimQuery): Promise<Job[]>
  /**
   * Swap by version: true where the stored version was `before.version`; spawn and attempt go with it (a spawn whose id is stored
   * already is left as it stands). Ids must be distinct. A renewal gives no new version, so a swap may come from before it: while
   * the job runs on, the later of both leases stands.
   */
  replace(changes: readonly Change[]): Promise<boolean[]>
  /** Moves the leases that still stand to `leaseMs` from now, without a new version. Gives each job's version, null where lost. */
  renew(leases: readonly Lease[], leaseMs: number): Promise<(number | null)[]>
  /** Running jobs whose lease has expired by the store's clock. */
  expiredLeases(limit: number): Promise<Job[]>
  /**
   * The types of users' jobs that have been due for `waited` milliseconds or more while no job of the type runs: most likely nobody
   * works them. The longest wait first; of a long backlog the front will do. Absent where it is not cheap to know.
   */
  unclaimed?(waited: number): Promise<Unclaimed[]>
  /** When the next pending job of this queue and these types is due: ms since the epoch, null where none waits. */
  nextDue(queue: Queue, types: readonly string[]): Promise<number | null>
  /** In the order of `ids`; null where absent or another owner's. */
  get(owner: Owner, ids: readonly string[]): Promise<(Job | null)[]>
  /** Those of `known` that now stand at a later version. */
  newer(known: readonly KnownVersion[]): Promise<Job[]>
  /** Users' jobs (never deliveries), newest first. */
  list(query: ListQuery): Promise<Job[]>
  /** The deliveries about one job, oldest first. */
  deliveries(owner: Owner, parent: string): Promise<Job[]>
  /** The attempts of one job that were stored with a change, oldest first: all but the one with which it ended. */
  attempts(owner: Owner, id: string): Promise<Attempt[]>
  /** How many due jobs of its queue are before this one, plus 1; null where that is not cheap to know or it is not due and pending. */
  position(job: Job): Promise<number | null>
  /** Removes a terminal job with its attempts and deliveries: true where it was there and terminal. */
  remove(owner: Owner, id: string): Promise<boolean>
  /**
   * Removes at most `limit` jobs that have expired, with their attempts, and as many keys that may be forgotten. Gives the number of
   * jobs. A job whose delivery has not ended stays until it has: the receiver was promised it.
   */
  prune(limit: number): Promise<number>
  /** How many jobs stand in each status, by queue. */
  stats(): Promise<Record<Queue, Record<JobStatus, number>>>
  /** A small value that all processes on this store share: the one kept under `name`, or `initial`, which is then kept. */
  shared(name: string, initial: string): Promise<string>
  /**
   * Calls `fn` when another process has committed something: with what, where the store knows it; without, anything may have changed.
   * The returned function ends that. Losing a call costs latency only.
   */
  onForeignCommit(fn: (commit?: RemoteCommit) => void): () => void
  close(): Promise<void>
}

/** What a store factory such as `sqlite(path)` gives to `createJobs`. The clock is the store's: leases are told by it. */
export type StoreFactory = (clock: Clock) => Store
