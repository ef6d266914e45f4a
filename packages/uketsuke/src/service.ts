import { randomBytes } from 'node:crypto'
import type { Accepted, Acceptor } from './accept/accept.ts'
import { answerQuestions, questionsOf } from './accept/answers.ts'
import type { AcceptedBatch } from './accept/many.ts'
import type { AcceptRequest, Idempotency } from './accept/request.ts'
import type { Clock } from './base/clock.ts'
import type { Log } from './base/log.ts'
import type { JobType } from './definition/define.ts'
import { type Batch, batchOf } from './domain/batch.ts'
import { type DeliveryTarget, lastAttempt } from './domain/change.ts'
import type { Delivery } from './domain/delivery-view.ts'
import { UketsukeError } from './domain/errors.ts'
import type { Estimate } from './domain/estimate.ts'
import { filesOf, type StoredFile } from './domain/file.ts'
import { isJobId } from './domain/identifiers.ts'
import { type Attempt, isExpired, isTerminal, type Job, type JobStatus } from './domain/job.ts'
import { type LogLine, logLines } from './domain/log-line.ts'
import type { OpenQuestion } from './domain/question.ts'
import { cancel, retry } from './domain/rules.ts'
import { readable } from './domain/view.ts'
import type { ByteRange, FileStorage } from './files/port.ts'
import type { Endpoints } from './notify/endpoints.ts'
import type { GoneUrls } from './notify/gone-urls.ts'
import { MergedFollower } from './notify/merged-follower.ts'
import type { OwnerWatch } from './notify/owner-watch.ts'
import type { Follower, StateReader, Watch } from './notify/watch.ts'
import type { OutputFeed } from './output/feed.ts'
import { OutputFollower } from './output/follow.ts'
import { type OutputPart, type Start, sharedReads } from './output/reader.ts'
import { allOwners, type Owner, type Store } from './store/port.ts'
import { jobLogKind } from './store/records.ts'
import type { Transaction } from './store/transaction.ts'
import type { Transition } from './store/transition.ts'
import type { Sending, Tracing } from './tracing/tracing.ts'

/**
 * Every operation on jobs, for the HTTP API and the library. `http/` only translates to and from it. Every read and write takes the
 * owner. A malformed id, an unknown id and another owner's id all throw the same `job-not-found`.
 */
export interface JobService {
  /** The prefix of URLs in responses: a path, or with `publicUrl` an origin and a path. No trailing slash. */
  readonly base: string
  /** The prefixes that request paths may have. */
  readonly prefixes: readonly string[]
  readonly clock: Clock
  readonly log: Log
  /** Aborts when the process drains: no new jobs are accepted, streams end, long-polls return. */
  readonly draining: AbortSignal
  /** Resolves when the store is open; rejects with `store-unusable` or `temporarily-unavailable`. Every method below waits for it. */
  ready(): Promise<void>
  /** Validates and stores a job, in the caller's transaction if given. `created` is false for an idempotent replay. */
  accept(request: AcceptRequest, tx?: Transaction): Promise<Accepted>
  /** Validates and stores many jobs in one commit: all or none. No idempotency keys. */
  acceptMany(requests: readonly AcceptRequest[], tx?: Transaction, batchWebhookUrl?: unknown): Promise<AcceptedBatch>
  /** Counts the jobs of a batch. @throws `not-found` */
  batch(owner: Owner, id: string): Promise<Batch>
  /** @throws `job-not-found`, `job-expired` */
  find(owner: Owner, id: string): Promise<Job>
  /** Newest first. `next` is the id to continue from, or null on the last page. */
  list(query: JobListQuery): Promise<{ items: Job[]; next: string | null }>
  /** Resolves with the resulting job: cancelled, cancellation requested, or unchanged if it had ended. @throws `job-not-found` */
  cancel(owner: Owner, id: string): Promise<Job>
  /** The questions of a job's handler that can be answered now, oldest first. */
  questions(job: Job): Promise<OpenQuestion[]>
  /**
   * Answers open questions of a job by their names, all or none. Resolves with the names: those of other questions are ignored, and the
   * first answer to a question counts. @throws `job-not-found`, `job-expired`, `validation-error` for an answer that does not fit
   */
  answer(owner: Owner, id: string, answers: ReadonlyMap<string, unknown>): Promise<string[]>
  /**
   * Creates a new job from one that has ended. `created` is false for an idempotent replay. The key belongs to the job's owner.
   * @throws `job-not-found`, `job-not-finished`, `idempotency-key-reused` if the key was used for another job, `idempotency-in-progress`
   */
  retry(owner: Owner, id: string, idempotency?: Idempotency): Promise<Accepted>
  /** @throws `job-not-found`, `job-not-finished` */
  remove(owner: Owner, id: string): Promise<void>
  /** When a running job will complete, as far as that can be told. */
  estimate(job: Job): Estimate | null
  /** The queue position, 1 for the next job to run. Null if the job is not pending or the position is expensive to compute. */
  position(job: Job): Promise<number | null>
  /**
   * Follows a job. `next()` resolves with the newest state after version `after` (default 0: the current state immediately), then with
   * each newer state, and with null after the terminal state or after `close()`. @throws `job-not-found`
   */
  follow(owner: Owner, id: string, after?: number): Promise<Follower>
  /** Follows those of these jobs that exist and belong to the owner, from their present state, until all have ended. */
  followMany(owner: Owner, ids: readonly string[]): Promise<StateReader>
  /** Follows every job of an owner from now on; with `resume`, begins with the present states. */
  followOwner(owner: string, options: { resume: boolean }): Promise<StateReader>
  /**
   * A file of a job that has completed. @throws `job-not-found`, `job-expired`; `not-found` if the job lists no such file
   */
  file(owner: Owner, id: string, name: string): Promise<JobFile>
  /**
   * Opens the live output of a job for reading: the stream of a number, or the last one. `close` must be called.
   * @throws `job-not-found`, `job-expired`; `not-found` if there is no such stream, and will be none
   */
  output(owner: Owner, id: string, where: OutputPlace): Promise<OpenOutput>
  /** The attempts that have ended, oldest first. @throws `job-not-found` */
  attempts(owner: Owner, id: string): Promise<Attempt[]>
  /** What the handler of a job has logged, for operators. @throws `job-not-found` */
  logLines(id: string): Promise<LogLine[]>
  /** The webhook deliveries of a job, oldest first, each with its attempts. @throws `job-not-found` */
  deliveries(owner: Owner, id: string): Promise<Delivery[]>
  /**
   * Sends a webhook again with the same `webhook-id`: the last one, or that of `deliveryId`.
   * @throws `job-not-found`, `not-found` if there is no such delivery, `job-not-finished` if it has not ended
   */
  redeliver(owner: Owner, id: string, deliveryId?: string): Promise<Job>
  /** Sends again every webhook to an endpoint that failed at `since` or later and was not delivered since. Resolves with their number. */
  recover(owner: string, endpointId: string, since: number): Promise<number>
  /** The registered webhook endpoints; null if they are not enabled. */
  readonly endpoints: Endpoints | null
  stats(): ReturnType<Store['stats']>
  /** The key for signing stream tickets, shared by all processes on this store. */
  ticketKey(): Promise<string>
  /** The job types, for the OpenAPI document. */
  readonly types: ReadonlyMap<string, JobType>
}

/** What of the live output of a job is read. */
export interface OutputPlace {
  readonly number: number | null
  readonly start: Start
  /** Aborts when the reader has gone. */
  readonly signal: AbortSignal
}

/** The live output of a job, opened for reading. */
export interface OpenOutput {
  /** What was stored at first, even if it is nothing. */
  readonly part: OutputPart
  /** Waits for more, or for the end. Null if the job has been deleted. */
  next(): Promise<OutputPart | null>
  close(): void
}

/** A file and where to read it. */
export interface JobFile {
  readonly file: StoredFile
  /** @throws `internal-error` if the storage has lost it */
  read(range: ByteRange | null): Promise<AsyncIterable<Uint8Array>>
  /** A URL of the storage itself, if it has such. */
  url(headers: { contentType: string; disposition: string }): Promise<string | null>
}

export interface JobListQuery {
  owner: Owner
  status?: readonly JobStatus[] | undefined
  type?: string | undefined
  limit: number
  before?: string | undefined
}

export interface JobServiceParts
  extends Pick<JobService, 'base' | 'prefixes' | 'clock' | 'log' | 'draining' | 'ready' | 'types' | 'endpoints'> {
  store: Store
  transition: Transition
  watch: Watch
  ownerWatch: OwnerWatch
  acceptor: Acceptor
  acceptMany: JobService['acceptMany']
  goneUrls: GoneUrls
  /** Where the files of jobs are kept; null if nowhere. */
  files: FileStorage | null
  outputFeed: OutputFeed
  estimate: JobService['estimate']
  /** Null without tracing. */
  tracing: Tracing | null
  newId(): string
}

export function createJobService(parts: JobServiceParts): JobService {
  const { store, transition, watch, ownerWatch, clock, ready, tracing, files } = parts
  let ticketKey: string | null = null

  async function find(owner: Owner, id: string): Promise<Job> {
    await ready()
    // Delivery ids have a different form, so a client can never reach a delivery.
    const [job] = isJobId(id) ? await store.get(owner, [id]) : []
    if (!job) throw new UketsukeError('job-not-found')
    // Until it is pruned. Operators still see it.
    if (owner !== allOwners && isExpired(job, clock.now()))
      throw new UketsukeError('job-expired', 'The retention of this job is over.')
    return job
  }

  async function follow(owner: Owner, id: string, after?: number): Promise<Follower> {
    await ready()
    const follower = isJobId(id) ? await watch.follow(owner, id, after) : null
    if (!follower) throw new UketsukeError('job-not-found')
    return follower
  }

  const readOnce = sharedReads(store)

  async function again(job: Job, id: string, idempotency?: Idempotency): Promise<Accepted> {
    const newJob = retry(job, id)
    if (!newJob)
      throw new UketsukeError('job-not-finished', `The job is ${job.status}; only a job that has ended can be retried.`)
    const accepted = await traced({ type: job.type }, (trace) =>
      parts.acceptor.again({ ...newJob, trace }, { retryOf: job.id }, idempotency),
    )
    if (accepted.created) ownerWatch.accepted(accepted.job)
    return accepted
  }

  function traced(sending: Sending, accept: (trace: string | null) => Promise<Accepted>): Promise<Accepted> {
    return tracing === null ? accept(null) : tracing.send(sending, accept, ({ job }) => job)
  }

  function assertOpen(): void {
    if (parts.draining.aborted) {
      throw new UketsukeError('temporarily-unavailable', 'This server is shutting down.', { retryAfter: 2 })
    }
  }

  const { base, prefixes, log, draining, types, endpoints } = parts
  return {
    base,
    prefixes,
    clock,
    log,
    draining,
    types,
    endpoints,
    ready,
    find,
    async accept(request, tx) {
      assertOpen()
      await ready()
      const { type, carrier } = request
      const accepted =
        tracing === null
          ? await parts.acceptor.accept(request, tx)
          : await traced({ type: String(type), carrier }, (trace) => parts.acceptor.accept({ ...request, trace }, tx))
      // In the caller's transaction, the job is not committed yet.
      if (accepted.created && tx === undefined) ownerWatch.accepted(accepted.job)
      return accepted
    },
    async acceptMany(requests, tx, batchWebhookUrl) {
      assertOpen()
      await ready()
      const all = (trace: string | null) =>
        parts.acceptMany(trace === null ? requests : withTrace(requests, trace), tx, batchWebhookUrl)
      const sending = { type: String(requests[0]?.type), count: requests.length }
      const batch = await (tracing === null ? all(null) : tracing.send(sending, all, () => null))
      if (tx === undefined) for (const job of batch.jobs) ownerWatch.accepted(job)
      return batch
    },
    async batch(owner, id) {
      await ready()
      const batch = isJobId(id) ? batchOf(id, await store.batch(owner, id), base) : null
      if (batch === null) throw new UketsukeError('not-found')
      return batch
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
    async questions(job) {
      await ready()
      return questionsOf({ store, clock }, job)
    },
    answer: async (owner, id, answers) => answerQuestions({ store, transition, clock }, await find(owner, id), answers),
    async retry(owner, id, idempotency) {
      assertOpen()
      return again(await find(owner, id), parts.newId(), idempotency)
    },
    async remove(owner, id) {
      const job = await find(owner, id)
      if (!isTerminal(job)) throw new UketsukeError('job-not-finished', `The job is ${job.status}; cancel it first.`)
      await store.remove(owner, id)
      // What is left is found by the sweep.
      if (job.files !== null)
        await files?.remove(id).catch((err: unknown) => log.warn({ err, jobId: id }, 'failed to remove files'))
    },
    async file(owner, id, name) {
      const file = filesOf(await find(owner, id)).find((one) => one.name === name)
      if (file === undefined || files === null) throw new UketsukeError('not-found')
      const folder = { jobId: id, run: file.run }
      return {
        file,
        async read(range) {
          const data = await files.read(folder, name, range)
          if (data !== null) return data
          throw new UketsukeError('internal-error', 'The file storage has lost a file.')
        },
        url: async (headers) => (await files.url?.(folder, name, headers)) ?? null,
      }
    },
    estimate: parts.estimate,
    position: async (job) => (job.status === 'pending' ? store.position(job) : null),
    follow,
    async followMany(owner, ids) {
      await ready()
      return new MergedFollower(await watch.followMany(owner, ids.filter(isJobId)))
    },
    async followOwner(owner, { resume }) {
      await ready()
      return ownerWatch.follow(owner, resume)
    },
    async output(owner, id, { number, start, signal }) {
      const job = await find(owner, id)
      const mode = types.get(job.type)?.stream ?? null
      const read = (job: Job, from: Start) => readOnce(job, mode, number, from)
      const first = await read(job, start)
      if (first === null) throw new UketsukeError('not-found')
      let follower: OutputFollower | null = null
      return {
        part: first,
        // Only who waits follows the job.
        async next() {
          const feed = parts.outputFeed
          follower ??= new OutputFollower(
            { feed, job, read, signal, follower: await follow(owner, id, job.version) },
            first.next,
          )
          return follower.next()
        },
        close: () => follower?.close(),
      }
    },
    async attempts(owner, id) {
      return attemptsOf(store, owner, await find(owner, id))
    },
    async logLines(id) {
      await find(allOwners, id)
      return logLines((await store.records.get(jobLogKind, allOwners, id))?.value ?? '')
    },
    async deliveries(owner, id) {
      await find(owner, id)
      return deliveriesOf(store, owner, id)
    },
    async redeliver(owner, id, deliveryId) {
      assertOpen()
      const job = await find(owner, id)
      const all = await store.deliveries(owner, id)
      const wanted = deliveryId === undefined ? all.at(-1) : all.find((one) => one.id === deliveryId)
      if (!wanted && deliveryId !== undefined) throw new UketsukeError('not-found')
      if (!wanted)
        throw new UketsukeError('job-not-finished', 'The job has no webhook delivery that can be sent again.')
      // An explicit request tries a URL again that responded with 410.
      if (job.webhookUrl !== null) await parts.goneUrls.remove(job.owner, job.webhookUrl)
      return (await again(wanted, `${parts.newId()}-webhook`)).job
    },
    async recover(owner, endpointId, since) {
      assertOpen()
      await ready()
      let recovered = 0
      for (let last: string | null = null; ; ) {
        const page = await store.failedDeliveries(owner, since, last, recoveryPage)
        const sent = page.map(async (failed) => {
          const siblings = (await store.deliveries(owner, failed.parent ?? '')).filter(
            (one) => one.input === failed.input,
          )
          // The last one decides: it was delivered, is on its way, or has failed too.
          if (endpointOf(failed) !== endpointId || siblings.at(-1)?.id !== failed.id) return
          await again(failed, `${parts.newId()}-webhook`)
          recovered++
        })
        await Promise.all(sent)
        last = page.at(-1)?.id ?? null
        if (page.length < recoveryPage) return recovered
      }
    },
    async stats() {
      await ready()
      return store.stats()
    },
    async ticketKey() {
      await ready()
      ticketKey ??= assertKey(await store.shared('ticket-key', randomBytes(32).toString('base64url')))
      return ticketKey
    },
  }
}

const withTrace = (requests: readonly AcceptRequest[], trace: string) => requests.map((one) => ({ ...one, trace }))
const recoveryPage = 200
const endpointOf = ({ input }: Job) => (readable(input) as DeliveryTarget | null)?.endpoint

/** A weak key would let an attacker forge a ticket for any stream. @throws `store-unusable` */
function assertKey(key: unknown): string {
  if (typeof key === 'string' && key.length >= 32) return key
  throw new UketsukeError('store-unusable', 'The stream ticket signing key in the store (ticket-key) is damaged.')
}

async function deliveriesOf(store: Store, owner: Owner, id: string): Promise<Delivery[]> {
  const deliveries = await store.deliveries(owner, id)
  return Promise.all(deliveries.map(async (job) => ({ job, attempts: await attemptsOf(store, owner, job) })))
}

async function attemptsOf(store: Store, owner: Owner, job: Job): Promise<Attempt[]> {
  const earlier = await store.attempts(owner, job.id)
  const last = lastAttempt(job)
  return last === null ? earlier : [...earlier, last]
}
