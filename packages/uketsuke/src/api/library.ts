import type { InputOf, JobTypes, OutputOf } from '../definition/define.ts'
import { publicFailure, UketsukeError } from '../domain/errors.ts'
import { checkKey, checkOwner, isJobId, isTypeName } from '../domain/identifiers.ts'
import { type Attempt, type Job, type JobStatus, jobStatuses } from '../domain/job.ts'
import { isoOrNull, type JobView, readable, view } from '../domain/view.ts'
import type { Delivery, JobListQuery, JobService } from '../service.ts'
import { allOwners, type Owner } from '../store/port.ts'
import type { EnqueueOptions } from './options.ts'

/** A job of one of these types; `type` tells which. */
export type JobOf<Types extends JobTypes, Name extends keyof Types & string = keyof Types & string> = {
  [N in Name]: JobView<N, OutputOf<Types[N]>, InputOf<Types[N]>>
}[Name]

/** Whose jobs are asked about. Never left out: a session without a user must not come to see the jobs of everybody. */
export interface OwnerScope {
  /** The owner behind the question, or `allOwners` where it is your program's own. */
  owner: Owner
}

export interface ListOptions extends OwnerScope {
  status?: JobStatus | readonly JobStatus[]
  type?: string
  /** 1…100; 20 by default. */
  limit?: number
  /** `nextCursor` of the page before. */
  cursor?: string
}

/** The service as a library: the same verbs, typed by the job types, in terms of what clients see. */
export function library<Types extends JobTypes>(service: JobService) {
  type Name = keyof Types & string
  const show = <N extends Name>(job: Job) => view(job, service.base) as unknown as JobOf<Types, N>
  const as = (options: OwnerScope): Owner => {
    const owner: unknown = options?.owner
    if (owner === allOwners) return allOwners
    checkOwner(owner)
    return owner
  }

  return {
    /**
     * Stores a job and gives it back once it is on disk; with `tx`, once it is a part of that transaction.
     * @throws {UketsukeError} `validation-error`, `unknown-job-type`, `webhook-url-forbidden`, `idempotency-key-reused`,
     * `invalid-idempotency-key`, `idempotency-in-progress`, `temporarily-unavailable`, `invalid-configuration` for a `tx` where the store lends none
     */
    async enqueue<N extends Name>(type: N, input: InputOf<Types[N]>, options: EnqueueOptions = {}) {
      const { idempotencyKey: key, tx, priority, webhookUrl, delay, runAt, metadata } = options
      const owner = ownerOfNew(options)
      if (key !== undefined) checkKey(key)
      const idempotency = key === undefined ? undefined : { route: 'enqueue', key }
      const asked = { owner, type, input, priority, webhookUrl, delay, runAt, metadata, idempotency }
      const { job } = await service.accept(asked, tx)
      return show<N>(job)
    },
    /**
     * Stores many jobs of one type in one commit, all of them or none, and gives them back in the order of their inputs once they are on
     * disk. The options are for each of them. At most 10,000.
     * @throws {UketsukeError} as `enqueue` does; the pointers of a `validation-error` begin with the place of the input, as in `/3/input/n`
     */
    async enqueueMany<N extends Name>(
      type: N,
      inputs: readonly InputOf<Types[N]>[],
      options: Omit<EnqueueOptions, 'idempotencyKey'> = {},
    ) {
      const { tx, priority, webhookUrl, delay, runAt, metadata } = options
      const owner = ownerOfNew(options)
      const asked = inputs.map((input) => ({ owner, type, input, priority, webhookUrl, delay, runAt, metadata }))
      return (await service.acceptMany(asked, tx)).map((job) => show<N>(job))
    },
    /** The job as it stands; null where there is none. */
    async get<N extends Name = Name>(id: string, options: OwnerScope & { include?: readonly 'input'[] }) {
      try {
        const job = await service.find(as(options), id)
        const shown = show<N>(job)
        if (options.include?.includes('input')) shown.input = readable(job.input) as InputOf<Types[N]>
        return shown
      } catch (error) {
        if (error instanceof UketsukeError && error.code === 'job-not-found') return null
        throw error
      }
    },
    /** Newest first. */
    async list(options: ListOptions) {
      const { items, next } = await service.list({ owner: as(options), ...filter(options) })
      return { items: items.map((job) => show<Name>(job)), nextCursor: next }
    },
    /** A waiting job ends at once, a running one is asked to stop, an ended one is left alone. @throws `job-not-found` */
    async cancel<N extends Name = Name>(id: string, options: OwnerScope) {
      return show<N>(await service.cancel(as(options), id))
    },
    /**
     * A new job from one that has ended; with the same `idempotencyKey` within 24 hours, the same new job.
     * @throws `job-not-found`, `job-not-finished`, `invalid-idempotency-key`, `idempotency-key-reused`, `idempotency-in-progress`
     */
    async retry<N extends Name = Name>(id: string, options: OwnerScope & { idempotencyKey?: string }) {
      const owner = as(options)
      const { idempotencyKey: key } = options
      if (key !== undefined) checkKey(key)
      const { job } = await service.retry(owner, id, key === undefined ? undefined : { route: 'retry', key })
      return show<N>(job)
    },
    /** Deletes a job that has ended. @throws `job-not-found`, `job-not-finished` */
    async remove(id: string, options: OwnerScope): Promise<void> {
      await service.remove(as(options), id)
    },
    /** The job as it stands and each newer state, to the terminal one; slow readers miss states, never the last. @throws `job-not-found` */
    async *watch<N extends Name = Name>(id: string, options: OwnerScope & { signal?: AbortSignal }) {
      const follower = await service.follow(as(options), id)
      const close = () => follower.close()
      options.signal?.addEventListener('abort', close)
      try {
        if (options.signal?.aborted) return
        for (let job = await follower.next(); job; job = await follower.next()) yield show<N>(job)
      } finally {
        close()
        options.signal?.removeEventListener('abort', close)
      }
    },
    /**
     * The ended attempts, oldest first. For all owners each error has `thrown`: what was thrown, with its stack and causes. An owner sees
     * neither that nor the workers' names. @throws `job-not-found`
     */
    async attempts(id: string, options: OwnerScope): Promise<Attempt[]> {
      const owner = as(options)
      return (await service.attempts(owner, id)).map((one) => seenBy(owner, one))
    },
    /** The webhooks about one job with their attempts, oldest first. @throws `job-not-found` */
    async deliveries(id: string, options: OwnerScope) {
      const owner = as(options)
      return (await service.deliveries(owner, id)).map((one) => deliveryView(owner, one))
    },
    /** Sends a job's webhook again, under the same webhook-id. @throws `job-not-found`, `job-not-finished` */
    async redeliver(id: string, options: OwnerScope): Promise<void> {
      await service.redeliver(as(options), id)
    },
  }
}

/** An owner that is named but is none is refused, and never the program's own. */
function ownerOfNew(options: EnqueueOptions): string {
  const owner: unknown = 'owner' in options ? options.owner : 'system'
  checkOwner(owner)
  return owner
}

/** @throws `invalid-query` */
function filter({ status, type, limit = 20, cursor }: ListOptions): Omit<JobListQuery, 'owner'> {
  const statuses = status === undefined ? undefined : [status].flat()
  must(statuses?.every((one) => jobStatuses.includes(one)) ?? true, `status is one of ${jobStatuses.join(', ')}`)
  must(type === undefined || isTypeName(type), 'type is the name of a job type')
  must(Number.isInteger(limit) && limit >= 1 && limit <= 100, 'limit is a whole number from 1 to 100')
  must(cursor === undefined || isJobId(cursor), 'cursor is the nextCursor of the page before')
  return { status: statuses, type, limit, before: cursor }
}

function must(fine: boolean, sentence: string): void {
  if (!fine) throw new UketsukeError('invalid-query', `list(): ${sentence}.`)
}

/** What is for operators is left out for an owner. */
const seenBy = (owner: Owner, attempt: Attempt): Attempt =>
  owner === allOwners ? attempt : { ...attempt, worker: '', error: attempt.error && publicFailure(attempt.error) }

function deliveryView(owner: Owner, { job, attempts }: Delivery) {
  const { status, attempt, maxAttempts } = job
  const error = job.error ?? job.lastError
  return {
    /** `exhausted` after the last attempt; a webhook can be sent again for as long as its job is kept. */
    status: status === 'failed' && attempt >= maxAttempts ? ('exhausted' as const) : status,
    attempt,
    maxAttempts,
    nextAttemptAt: status === 'pending' ? isoOrNull(job.runAt) : null,
    completedAt: isoOrNull(job.completedAt),
    error: error && (owner === allOwners ? error : publicFailure(error)),
    attempts: attempts.map((one) => ({
      ...seenBy(owner, one),
      startedAt: isoOrNull(one.startedAt),
      endedAt: isoOrNull(one.endedAt),
    })),
  }
}
