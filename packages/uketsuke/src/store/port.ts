import type { Clock } from '../base/clock.ts'
import type { BatchPart } from '../domain/batch.ts'
import type { Attempt, Change, Job, JobStatus, Lease, Priority, Queue } from '../domain/job.ts'
import type { Admission, KeyFacts } from '../domain/limits.ts'
import type { Fragment, FragmentQuery, NewFragment } from './fragments.ts'
import { allOwners, type Owner } from './owner.ts'
import type { RecordStore } from './records.ts'
import type { Transaction } from './transaction.ts'

export { allOwners, type Owner }

/** Ensures that a request sent twice creates one job. The scope is (owner, route, key). */
export interface IdempotencyKey {
  readonly route: string
  readonly key: string
  /** A hash of the canonical payload. A different payload with the same key is an error. */
  readonly fingerprint: string
  /** When the key may be removed, in milliseconds since the epoch. */
  readonly expiresAt: number
}

/** How long a caller has been waiting and when its deadline is. */
export interface Waiting {
  /** When the caller started to wait, as a `performance.now()` time. */
  readonly since: number
  /** Milliseconds from now until the deadline. */
  readonly within: number
}

export interface Insert {
  /** A new job, as the rule `create` made it. */
  readonly job: Job
  readonly key?: IdempotencyKey | undefined
  /** A hash. While an unfinished job holds it, no other job is created with it. */
  readonly uniqueKey?: string | undefined
}

export interface Inserted {
  /** The stored job; null if the key exists but its job has been deleted. */
  readonly job: Job | null
  /** False if the idempotency key was already taken, or an unfinished job holds the unique key. */
  readonly created: boolean
  /** The unfinished job that holds the unique key was returned. */
  readonly deduplicated?: true
  /** The fingerprint that is stored with the key; null without a key. */
  readonly fingerprint: string | null
}

export interface ClaimQuery {
  readonly queue: Queue
  readonly types: readonly string[]
  readonly limit: number
  /** The name of the claiming worker. */
  readonly worker: string
  /** Duration of the lease in milliseconds. */
  readonly leaseMs: number
  /** Only jobs of this priority. */
  readonly priority?: Priority | undefined
}

export interface ListQuery {
  readonly owner: Owner
  readonly status?: readonly JobStatus[] | undefined
  readonly type?: string | undefined
  readonly limit: number
  /** Only jobs whose id is less than this one, that is, jobs created earlier. */
  readonly before?: string | undefined
}

/** What an operator looks for. */
export interface SearchQuery {
  readonly queue: Queue
  readonly owner?: string | undefined
  readonly type?: string | undefined
  readonly status?: JobStatus | undefined
  /** Only jobs whose id is greater than this one. */
  readonly above?: string | undefined
  /** Only jobs whose id is less than this one. */
  readonly below?: string | undefined
  /** Default: newest first, that is, by descending id. */
  readonly oldestFirst?: boolean | undefined
  readonly limit: number
  /** How many rows the store may examine, however few of them match. */
  readonly examine: number
  /** Whether to include inputs of up to 64 Ki characters. Default: `input` is empty. */
  readonly inputs?: boolean | undefined
}

/** One page of a search. */
export interface Found {
  readonly jobs: Job[]
  /** The id from which the search goes on: it continues with `above` or `below` this one. Null at the end. */
  readonly last: string | null
}

/** A job id and the latest version known to a process. */
export interface KnownVersion {
  readonly id: string
  readonly version: number
}

/** A key that jobs of a type share their limits by. */
export interface LimitKey {
  readonly type: string
  readonly key: string
}

/** Decides how many jobs of a key are admitted: the rule `admission` with the limits of the type. */
export type AdmissionRule = (type: string, facts: KeyFacts, now: number) => Admission

/** The first of the jobs of a type and priority that are due, parked ones included. */
export interface Front {
  readonly type: string
  readonly priority: Priority
  readonly rank: number
}

/** A job type that apparently has no worker, and how long its oldest job has been due, in milliseconds. */
export interface Unclaimed {
  readonly type: string
  readonly waited: number
}

/** The jobs of one type that have not ended. */
export interface Unfinished {
  readonly type: string
  /** Delayed jobs and those that wait for their next attempt included. */
  readonly pending: number
  readonly running: number
  /** Since when the job that has been due for longest has been due, in milliseconds since the epoch; null if none is due. */
  readonly oldest: number | null
}

/** A commit by another process. */
export interface RemoteCommit {
  /** The changed jobs with their new versions. */
  readonly changed: readonly KnownVersion[]
  /** The queues in which a job became pending. */
  readonly waiting: readonly Queue[]
  /** The changed jobs as they are stored, if they came along: they need not be read. */
  readonly states?: readonly Job[]
}

/**
 * Persistent storage for jobs. A store handles rows; the rules are in `domain/rules.ts`. Every write is one commit,
 * which is on disk when its promise resolves. A store that cannot guarantee this throws `temporarily-unavailable` and
 * has written nothing. Leases (`claim`, `renew`) must be committed but need not be on disk if the failure that loses
 * them also ends their workers. The exception is the claim of a last attempt, which must not start twice. Methods take
 * and return batches in the same order.
 */
export interface Store {
  /** For operators: the engine, and which failures an accepted job survives. */
  readonly description: { readonly engine: string; readonly durability: string }
  /** Where files of jobs are kept by default: a folder beside the store, or in memory like the jobs. Absent: nowhere. */
  readonly defaultFiles?: { readonly folder: string } | 'memory'
  /**
   * Group commit limits: `cap` rows and `capBytes` characters of user text per commit, and `inFlight` concurrent
   * commits of one method. The defaults are 500, 8 Mi and 1.
   */
  readonly group?: { readonly cap: number; readonly capBytes?: number; readonly inFlight: number }
  /**
   * The store's clock as known to this process, in milliseconds since the epoch. All decisions about a job use this
   * time. Absent if the store uses the clock that it was given.
   */
  now?(): number
  /**
   * Opens the store and updates its schema. Idempotent.
   * @throws {UketsukeError} `store-unusable` with a sentence for the operator
   */
  migrate(): Promise<void>
  /**
   * Inserts all rows in one commit. A key that is already taken returns the job that took it, until the key is pruned. A unique key
   * that an unfinished job holds returns that job, and so does the idempotency key from then on. Of two equal keys in one batch, the
   * first creates the job. An id that already exists fails the whole batch. The
   * call settles by its deadline: stored, not stored, or rejected with `temporarily-unavailable` and an unknown
   * `outcome`.
   */
  insert(inserts: readonly Insert[], waiting?: Waiting): Promise<Inserted[]>
  /**
   * Inserts in the caller's own transaction. Nothing is stored and no notification is sent unless it commits. Absent if
   * the store does not support external transactions.
   */
  insertWithin?(transaction: Transaction, inserts: readonly Insert[]): Promise<Inserted[]>
  /**
   * Claims due jobs of this queue and these types by the rule `claim`: `high` priority first, then by rank and id. Returns them in the order
   * in which they were due.
   */
  claim(query: ClaimQuery): Promise<Job[]>
  /**
   * Compare-and-swap by version: true if the stored version was `before.version`. Spawn and attempt are stored in the
   * same commit; a spawned job whose id already exists is left unchanged. Ids must be distinct. A renewal does not change the
   * version, so a swap may be based on an older lease: while the job stays running, the later lease wins.
   */
  replace(changes: readonly Change[]): Promise<boolean[]>
  /**
   * Extends the leases that are still valid to `leaseMs` milliseconds from now, without a new version. Returns each
   * job's version, null if lost.
   */
  renew(leases: readonly Lease[], leaseMs: number): Promise<(number | null)[]>
  /** Running jobs whose lease has expired according to the store's clock. */
  expiredLeases(limit: number): Promise<Job[]>
  /**
   * The types of user jobs that have been due for at least `waited` milliseconds while no job of the type is running,
   * so they probably have no worker. Longest wait first. With a long backlog, examining its start is enough. Absent if
   * the store cannot determine it cheaply.
   */
  unclaimed?(waited: number): Promise<Unclaimed[]>
  /**
   * When the next pending job of this queue and these types is due, in milliseconds since the epoch; null if none is
   * pending.
   */
  nextDue(queue: Queue, types: readonly string[]): Promise<number | null>
  /** Jobs in the order of `ids`; null if absent or owned by another owner. */
  get(owner: Owner, ids: readonly string[]): Promise<(Job | null)[]>
  /** The jobs of `known` whose stored version is later. */
  newer(known: readonly KnownVersion[]): Promise<Job[]>
  /** Newest first, as far as `query` asks. Without what may be long: `input` is empty and `output` null. */
  list(query: ListQuery): Promise<Job[]>
  /** One page of a search among all owners. It examines a bounded number of rows, so that it takes as long for ten million jobs as for ten. */
  search(query: SearchQuery): Promise<Found>
  /** The webhook deliveries of one job, oldest first. */
  deliveries(owner: Owner, parent: string): Promise<Job[]>
  /** Deliveries that failed at `since` or later, in id order, after the id `after`. For rare use: it reads all failed jobs. */
  failedDeliveries(owner: Owner, since: number, after: string | null, limit: number): Promise<Job[]>
  /** The attempts of one job that were stored with a change, oldest first: all except the one that ended the job. */
  attempts(owner: Owner, id: string): Promise<Attempt[]>
  /**
   * 1 plus the number of due jobs ahead of this one in its queue; null if it is not due and pending or if counting is
   * expensive.
   */
  position(job: Job): Promise<number | null>
  /** Removes a terminal job with its attempts, log and deliveries. Returns true if the job existed and was terminal. */
  remove(owner: Owner, id: string): Promise<boolean>
  /**
   * Removes up to `limit` expired jobs with their attempts and logs, and up to `limit` expired keys. Returns the number of jobs.
   * A job with an unfinished delivery is kept until the delivery ends.
   */
  prune(limit: number): Promise<number>
  /** Creates the index for `pruneType` if it does not exist. Only programs that use it pay for it. */
  indexEnded(): Promise<void>
  /**
   * Removes up to `limit` finished jobs of a type, beyond the `kept` newest, with their attempts and logs. Returns their number. A job with
   * an unfinished delivery is kept until the delivery ends.
   */
  pruneType(type: string, kept: number, limit: number): Promise<number>
  /**
   * The keys of these types that may have room for parked jobs, up to `limit`. Every insert and change of a job with a key marks it, in the
   * same commit, for the time at which that matters.
   */
  keysWithRoom(types: readonly string[], limit: number): Promise<LimitKey[]>
  /**
   * Lets parked jobs that are due become ready, as many as the rule allows: `high` priority first, then by rank and id. If a ready job comes
   * after a parked one in this order, all ready jobs of the key are parked first, so that they hold up no other. The keys are independent, and each is decided under a lock of its own. Does not change the versions of the jobs. Returns the jobs.
   */
  admit(keys: readonly LimitKey[], rule: AdmissionRule): Promise<Job[]>
  /** Marks every key with a parked job of these types, because their limits may have changed. */
  markKeys(types: readonly string[]): Promise<void>
  /** The jobs of a batch, by status. It reads a row for each: up to 10,000, which is what one call may create. */
  batch(owner: Owner, id: string): Promise<BatchPart[]>
  /** The front of the waiting user jobs of each type and priority. One probe for each, regardless of the number of jobs. */
  fronts(): Promise<Front[]>
  /**
   * Stores fragments of jobs in one commit. False if the lease does not hold its job any more: then nothing of that fragment is stored.
   * With `anyLease`, it is stored as long as the job exists, whatever its state. A fragment whose key exists is left unchanged. Fragments go
   * with their job.
   */
  addFragments(fragments: readonly NewFragment[]): Promise<boolean[]>
  /** Fragments of a job in the bytewise order of their keys, or in the opposite one. */
  fragments(query: FragmentQuery): Promise<Fragment[]>
  /** The number of jobs in each status, by queue. */
  stats(): Promise<Record<Queue, Record<JobStatus, number>>>
  /** The number of the users' failed jobs, as far as `most` failures are looked at, failed deliveries included. */
  countFailed(most: number): Promise<number>
  /** The users' jobs that have not ended, by type. It reads an index entry of each, up to `most` for each type and status. */
  unfinished(most?: number): Promise<Unfinished[]>
  /**
   * A small value shared by all processes on this store: the value stored under `name`, or `initial`, which is then
   * stored.
   */
  shared(name: string, initial: string): Promise<string>
  /** What an idempotency key has created; null if the key is free. */
  keyed(owner: string, route: string, key: string): Promise<Omit<Inserted, 'created'> | null>
  /** The unfinished job that holds a unique key; null if there is none. */
  holder(uniqueKey: string): Promise<Job | null>
  /** Creates the index for `countWaiting` if it does not exist. Only programs that use it pay for it. */
  indexWaiting(): Promise<void>
  /** The number of pending jobs of an owner, counted up to `most`. */
  countWaiting(owner: string, most: number): Promise<number>
  /** Documents that are not jobs, such as API keys and webhook endpoints. */
  readonly records: RecordStore
  /**
   * Calls `fn` after a commit by another process. Without an argument, anything may have changed. With `only`, the call may be left out
   * unless a job became pending, or another process than its worker changed a running job. The returned function unsubscribes. A lost
   * call only costs latency.
   */
  onForeignCommit(fn: (commit?: RemoteCommit) => void, only?: 'work'): () => void
  /** Releases the connections. Resolves after pending writes. */
  close(): Promise<void>
}

/**
 * Made by `sqlite(path)` and similar functions, and called by `createJobs`. Leases expire according to `clock` unless
 * the store has its own.
 */
export type StoreFactory = (clock: Clock) => Store
