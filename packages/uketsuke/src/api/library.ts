import type { BatchView } from '@uketsuke/client'
import type { InputOf, JobTypes } from '../definition/define.ts'
import { attemptView, deliveryView } from '../domain/delivery-view.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkKey, checkOwner, isJobId, isTypeName } from '../domain/identifiers.ts'
import { type Job, jobStatuses } from '../domain/job.ts'
import { isoTime, readable, view } from '../domain/view.ts'
import type { JobListQuery, JobService } from '../service.ts'
import { allOwners, type Owner } from '../store/port.ts'
import type {
  GetOptions,
  GivenAnswer,
  Jobs,
  ListOptions,
  OwnerScope,
  RetryOptions,
  SummaryOf,
  WatchOptions,
} from './jobs.ts'
import type { EnqueueManyOptions, EnqueueOptions } from './options.ts'

type Library<Types extends JobTypes> = Omit<
  Jobs<Types>,
  | 'work'
  | 'webhookSecret'
  | 'apiKeys'
  | 'webhookEndpoints'
  | 'schedules'
  | 'pause'
  | 'resume'
  | 'paused'
  | 'fetch'
  | 'accept'
  | 'health'
  | 'metrics'
  | 'management'
  | 'dashboard'
  | 'mcp'
  | 'ready'
  | 'close'
  | 'basePath'
  | 'url'
  | 'log'
  | 'store'
  | 'dispatch'
>

/** The service as a typed library that takes and returns what clients see. */
export function library<Types extends JobTypes>(service: JobService): Library<Types> {
  type Name = keyof Types & string
  // The view of a job is typed by its name, which the interface `Jobs` gives to each method.
  const show = (job: Job) => view(job, service.base, service.estimate(job)) as never
  const as = (options: OwnerScope): Owner => {
    const owner: unknown = options?.owner
    if (owner === allOwners) return allOwners
    checkOwner(owner)
    return owner
  }

  return {
    async enqueue<N extends Name>(type: N, input: InputOf<Types[N]>, options: EnqueueOptions = {}) {
      const { idempotencyKey: key, tx, priority, webhookUrl, delay, runAt, metadata } = options
      const owner = ownerOfNew(options)
      if (key !== undefined) checkKey(key)
      const idempotency = key === undefined ? undefined : { route: 'enqueue', key }
      const request = { owner, type, input, priority, webhookUrl, delay, runAt, metadata, idempotency }
      const { job, created, deduplicated } = await service.accept(request, tx)
      return Object.assign(view(job, service.base), deduplicated ? { created, deduplicated } : { created }) as never
    },
    async enqueueMany<N extends Name>(type: N, inputs: readonly InputOf<Types[N]>[], options: EnqueueManyOptions = {}) {
      const { tx, batchWebhookUrl, priority, webhookUrl, delay, runAt, metadata } = options
      const owner = ownerOfNew(options)
      const requests = inputs.map((input) => ({ owner, type, input, priority, webhookUrl, delay, runAt, metadata }))
      const { id, jobs } = await service.acceptMany(requests, tx, batchWebhookUrl)
      const shown = jobs.map((job) => show(job))
      // Not enumerable: the result is a list of jobs, and is compared as such.
      return Object.defineProperty(shown, 'batchId', { value: id }) as typeof shown & { readonly batchId: string }
    },
    async get(...args: ById<GetOptions>) {
      try {
        const { type, id, options } = byId(args)
        const job = ofType(await service.find(as(options), id), type)
        const shown = show(job)
        if (options.include?.includes('input')) Object.assign(shown, { input: readable(job.input) })
        return shown
      } catch (error) {
        if (error instanceof UketsukeError && absences.includes(error.code)) return null
        throw error
      }
    },
    async batch(id: string, options: OwnerScope): Promise<BatchView | null> {
      try {
        return (await service.batch(as(options), id)).view
      } catch (error) {
        if (error instanceof UketsukeError && absences.includes(error.code)) return null
        throw error
      }
    },
    async list(options: ListOptions<Name>) {
      const { items, next } = await service.list({ owner: as(options), ...filter(options) })
      return { items: items.map((job) => view(job, service.base) as unknown as SummaryOf<Types>), nextCursor: next }
    },
    async cancel(...args: ById<OwnerScope>) {
      const { type, id, options } = byId(args)
      const owner = as(options)
      if (type !== undefined) ofType(await service.find(owner, id), type)
      return show(await service.cancel(owner, id))
    },
    async questions(id: string, options: OwnerScope) {
      const open = await service.questions(await service.find(as(options), id))
      return open.map(({ name, message, form, askedAt, until }) => {
        const times = { askedAt: isoTime(askedAt), expiresAt: isoTime(until) }
        return { name, message, schema: { ...form }, ...times }
      })
    },
    async answer(id: string, name: string, answer: GivenAnswer, options: OwnerScope) {
      const answered = await service.answer(as(options), id, new Map([[name, answer]]))
      if (answered.length === 0) throw new UketsukeError('not-found', `The job has no open question "${name}".`)
    },
    async retry(...args: ById<RetryOptions>) {
      const { type, id, options } = byId(args)
      const owner = as(options)
      const { idempotencyKey: key } = options
      if (key !== undefined) checkKey(key)
      if (type !== undefined) ofType(await service.find(owner, id), type)
      const { job } = await service.retry(owner, id, key === undefined ? undefined : { route: 'retry', key })
      return show(job)
    },
    async remove(id: string, options: OwnerScope): Promise<void> {
      await service.remove(as(options), id)
    },
    async *watch(...args: ById<WatchOptions>) {
      const { type, id, options } = byId(args)
      const owner = as(options)
      if (type !== undefined) ofType(await service.find(owner, id), type)
      const follower = await service.follow(owner, id)
      const close = () => follower.close()
      options.signal?.addEventListener('abort', close)
      try {
        if (options.signal?.aborted) return
        for (let job = await follower.next(); job; job = await follower.next()) yield show(job)
      } finally {
        close()
        options.signal?.removeEventListener('abort', close)
      }
    },
    async file(id, name, options) {
      try {
        const { file, read } = await service.file(as(options), id, name)
        const { contentType, bytes, sha256 } = file
        return { name, contentType, bytes, sha256, data: streamOf(await read(null)) }
      } catch (error) {
        if (error instanceof UketsukeError && absences.includes(error.code)) return null
        throw error
      }
    },
    async attempts(id, options) {
      const owner = as(options)
      return (await service.attempts(owner, id)).map((one) => attemptView(one, owner === allOwners))
    },
    async logLines(id, options) {
      // Log lines may hold what is not for clients.
      if (options?.owner !== allOwners)
        throw new UketsukeError('invalid-owner', 'logLines() requires { owner: allOwners }.')
      return service.logLines(id)
    },
    async deliveries(id: string, options: OwnerScope) {
      const owner = as(options)
      return (await service.deliveries(owner, id)).map((one) => deliveryView(one, owner === allOwners))
    },
    async redeliver(id, options) {
      await service.redeliver(as(options), id, options.deliveryId)
    },
    stats: () => service.stats(),
  }
}

function streamOf(data: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const chunks = data[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    cancel: async () => void (await chunks.return?.()),
  })
}

/** What callers of the library get as null. */
const absences: readonly string[] = ['job-not-found', 'job-expired', 'not-found']

/** The arguments of a method that takes an id, with or without the type before it. */
type ById<Options> = [id: string, options: Options] | [type: string, id: string, options: Options]

function byId<Options>(args: ById<Options>): { type?: string; id: string; options: Options } {
  if (typeof args[1] !== 'string') return { id: args[0], options: args[1] }
  return { type: args[0], id: args[1], options: (args as [string, string, Options])[2] }
}

/** @throws `job-not-found` if the job is of another type than the given one */
function ofType(job: Job, type: string | undefined): Job {
  if (type === undefined || job.type === type) return job
  throw new UketsukeError('job-not-found')
}

/** Rejects an invalid owner, also an explicit `undefined`, instead of falling back to `system`. */
function ownerOfNew(options: EnqueueOptions): string {
  const owner: unknown = 'owner' in options ? options.owner : 'system'
  checkOwner(owner)
  return owner
}

/** @throws `invalid-query` */
function filter({ status, type, limit = 20, cursor }: ListOptions): Omit<JobListQuery, 'owner'> {
  const statuses = status === undefined ? undefined : [status].flat()
  must(statuses?.every((one) => jobStatuses.includes(one)) ?? true, `status must be one of ${jobStatuses.join(', ')}`)
  must(type === undefined || isTypeName(type), 'type must be the name of a job type')
  must(Number.isInteger(limit) && limit >= 1 && limit <= 100, 'limit must be an integer from 1 to 100')
  must(cursor === undefined || isJobId(cursor), 'cursor must be the nextCursor of the previous page')
  return { status: statuses, type, limit, before: cursor }
}

function must(fine: boolean, sentence: string): void {
  if (!fine) throw new UketsukeError('invalid-query', `list(): ${sentence}.`)
}
