import { randomBytes } from 'node:crypto'
import type { Accepted, Acceptor } from './accept/accept.ts'
import type { AcceptRequest, Idempotency } from './accept/request.ts'
import type { Clock } from './base/clock.ts'
import type { Log } from './base/log.ts'
import type { JobType } from './definition/define.ts'
import { lastAttempt } from './domain/change.ts'
import { UketsukeError } from './domain/errors.ts'
import { isJobId } from './domain/identifiers.ts'
import { type Attempt, isTerminal, type Job, type JobStatus } from './domain/job.ts'
import { cancel, create, retry } from './domain/rules.ts'
import type { Follower, Watch } from './notify/watch.ts'
import type { Owner, Store } from './store/port.ts'
import type { Transaction } from './store/transaction.ts'
import type { Transition } from './store/transition.ts'

/** One webhook about one job. */
export interface Delivery {
  job: Job
  attempts: Attempt[]
}

/**
 * The reception service: everything that can be asked about jobs, by whatever way the question came. It decides; `http/` only
 * translates. Every read and write takes the owner; an id that is malformed, absent or foreign is one and the same `job-not-found`.
 */
export interface JobService {
  /** What the URLs that clients get begin with: a path, or with `publicUrl` an origin and a path. No slash at its end. */
  readonly base: string
  /** What the paths of requests may begin with. */
  readonly prefixes: readonly string[]
  readonly clock: Clock
  readonly log: Log
  /** Aborted when the process drains: nothing new is accepted, streams end, waiting answers are given. */
  readonly draining: AbortSignal
  /** Resolves when the store is open; rejects with `store-unusable` or `temporarily-unavailable`. Every verb below waits for it. */
  ready(): Promise<void>
  /** Validates and stores, within the caller's own transaction where one is given. `created` is false where an idempotency key gave an earlier job. */
  accept(asked: AcceptRequest, within?: Transaction): Promise<Accepted>
  /** The same for many, in one commit: all of them or none. No keys. */
  acceptMany(asked: readonly AcceptRequest[], within?: Transaction): Promise<Job[]>
  /** @throws `job-not-found` */
  find(owner: Owner, id: string): Promise<Job>
  /** Newest first; `next` is the id to go on from, null at the end. */
  list(query: JobListQuery): Promise<{ items: Job[]; next: string | null }>
  /** The job as it stands afterwards: cancelled, asked to stop, or unchanged where it had ended. @throws `job-not-found` */
  cancel(owner: Owner, id: string): Promise<Job>
  /**
   * A new job from one that has ended; `created` is false where the key gave an earlier one. The key belongs to the job's owner.
   * @throws `job-not-found`, `job-not-finished`, `idempotency-key-reused` where the key came for another job, `idempotency-in-progress`
   */
  retry(owner: Owner, id: string, idempotency?: Idempotency): Promise<Accepted>
  /** @throws `job-not-found`, `job-not-finished` */
  remove(owner: Owner, id: string): Promise<void>
  /** 1 for the next to run; null where the job does not wait or it is not cheap to know. */
  position(job: Job): Promise<number | null>
  /**
   * Follows one job: `next()` gives its newest state later than `after` (a version; 0 or absent gives the present state at once),
   * then each newer one, and null once there can be none or it was closed. @throws `job-not-found`
   */
  follow(owner: Owner, id: string, after?: number): Promise<Follower>
  /** The ended attempts, oldest first. @throws `job-not-found` */
  attempts(owner: Owner, id: string): Promise<Attempt[]>
  /** The webhooks about one job, oldest first, each with its attempts. @throws `job-not-found` */
  deliveries(owner: Owner, id: string): Promise<Delivery[]>
  /** Sends the webhook again, under the same webhook-id. @throws `job-not-found`, `job-not-finished` */
  redeliver(owner: Owner, id: string): Promise<Job>
  stats(): ReturnType<Store['stats']>
  /** A key that all processes on this store share, for signing tickets. */
  ticketKey(): Promise<string>
  /** The job types, for the OpenAPI document. */
  readonly types: ReadonlyMap<string, JobType>
}

export interface JobListQuery {
  owner: Owner
  status?: readonly JobStatus[] | undefined
  type?: string | undefined
  limit: number
  before?: string | undefined
}

export interface JobServiceParts
  extends Pick<JobService, 'base' | 'prefixes' | 'clock' | 'log' | 'draining' | 'ready' | 'types'> {
  store: Store
  transition: Transition
  watch: Watch
  acceptor: Acceptor
  acceptMany: JobService['acceptMany']
  newId(): string
}

export function createJobService(parts: JobServiceParts): JobService {
  const { store, transition, watch, clock, ready } = parts
  let ticketKey: string | null = null

  async function find(owner: Owner, id: string): Promise<Job> {
    await ready()
    // Deliveries have ids of another shape, so no client's question ever reaches one.
    const [job] = isJobId(id) ? await store.get(owner, [id]) : []
    if (!job) throw new UketsukeError('job-not-found')
    return job
  }

  async function again(job: Job, id: string, idempotency?: Idempotency): Promise<Accepted> {
    const asked = retry(job, id)
    if (!asked)
      throw new UketsukeError('job-not-finished', `The job is ${job.status}; only one that has ended can be run again.`)
    return await parts.acceptor.again(create(asked, clock.now()), { retryOf: job.id }, idempotency)
  }

  function open(): void {
    if (parts.draining.aborted) {
      throw new UketsukeError('temporarily-unavailable', 'This server is shutting down.', { retryAfter: 2 })
    }
  }

  const { base, prefixes, log, draining, types } = parts
  return {
    base,
    prefixes,
    clock,
    log,
    draining,
    types,
    ready,
    find,
    async accept(asked, within) {
      open()
      await ready()
      return await parts.acceptor.accept(asked, within)
    },
    async acceptMany(asked, within) {
      open()
      await ready()
      return parts.acceptMany(asked, within)
    },
    async list({ limit, ...query }) {
      await ready()
      const found = await store.list({ ...query, limit: limit + 1 })
      const items = found.slice(0, limit)
      return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null }
    },
    async cancel(owner, id) {
      const job = await find(owner, id)
      return (await transition(job, (now) => cancel(now, clock.now()), clock.now)) ?? find(owner, id)
    },
    async retry(owner, id, idempotency) {
      open()
      return again(await find(owner, id), parts.newId(), idempotency)
    },
    async remove(owner, id) {
      const job = await find(owner, id)
      if (!isTerminal(job)) throw new UketsukeError('job-not-finished', `The job is ${job.status}; cancel it first.`)
      await store.remove(owner, id)
    },
    position: async (job) => (job.status === 'pending' ? store.position(job) : null),
    async follow(owner, id, after) {
      await ready()
      const follower = isJobId(id) ? await watch.follow(owner, id, after) : null
      if (!follower) throw new UketsukeError('job-not-found')
      return follower
    },
    async attempts(owner, id) {
      return attemptsOf(store, owner, await find(owner, id))
    },
    async deliveries(owner, id) {
      await find(owner, id)
      return deliveriesOf(store, owner, id)
    },
    async redeliver(owner, id) {
      open()
      await find(owner, id)
      const last = (await store.deliveries(owner, id)).at(-1)
      if (!last) throw new UketsukeError('job-not-finished', 'The job has no webhook that could be sent again.')
      return (await again(last, `${parts.newId()}-webhook`)).job
    },
    async stats() {
      await ready()
      return store.stats()
    },
    async ticketKey() {
      await ready()
      ticketKey ??= strong(await store.shared('ticket-key', randomBytes(32).toString('base64url')))
      return ticketKey
    },
  }
}

/** Whoever can guess this key reads every stream. @throws `store-unusable` */
function strong(key: unknown): string {
  if (typeof key === 'string' && key.length >= 32) return key
  throw new UketsukeError('store-unusable', 'The key that signs stream tickets is damaged in the store (ticket-key).')
}

/** Each delivery about one job with its attempts, oldest first. */
async function deliveriesOf(store: Store, owner: Owner, id: string): Promise<Delivery[]> {
  const deliveries = await store.deliveries(owner, id)
  return Promise.all(deliveries.map(async (job) => ({ job, attempts: await attemptsOf(store, owner, job) })))
}

async function attemptsOf(store: Store, owner: Owner, job: Job): Promise<Attempt[]> {
  const earlier = await store.attempts(owner, job.id)
  const last = lastAttempt(job)
  return last === null ? earlier : [...earlier, last]
}
