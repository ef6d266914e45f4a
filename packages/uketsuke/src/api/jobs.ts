import type { BatchView, JobFile, JobSummary, JobView } from '@uketsuke/client'
import type { ApiKeyOptions, ApiKeyView } from '../auth/api-keys.ts'
import type { Log } from '../base/log.ts'
import type { DashboardOptions } from '../dashboard/access.ts'
import type { InputOf, JobTypes, OutputOf, StoredInputOf } from '../definition/define.ts'
import type { AttemptView, DeliveryView } from '../domain/delivery-view.ts'
import type { Health } from '../domain/health.ts'
import type { JobStatus, Queue } from '../domain/job.ts'
import type { LogLine } from '../domain/log-line.ts'
import type { McpOptions } from '../mcp/handler.ts'
import type { EndpointView, WebhookEventType } from '../notify/endpoint.ts'
import type { allOwners, Owner } from '../store/port.ts'
import type { WorkerHandle, WorkOptions } from '../work/workers.ts'
import type { EnqueueManyOptions, EnqueueOptions } from './options.ts'
import type { ScheduleVerbs } from './schedules.ts'

export type { AttemptView, DeliveryView }

/** A job of any of these types, discriminated by `type`. */
export type JobOf<Types extends JobTypes, Name extends keyof Types & string = keyof Types & string> = {
  [N in Name]: JobView<N, OutputOf<Types[N]>, StoredInputOf<Types[N]>>
}[Name]

/** The same in a list, without outputs. */
export type SummaryOf<Types extends JobTypes, Name extends keyof Types & string = keyof Types & string> = {
  [N in Name]: JobSummary<N, StoredInputOf<Types[N]>>
}[Name]

/** Whose jobs a call may access. It is required, so that code with a missing user never gets access to all jobs. */
export interface OwnerScope {
  /** The owner on whose behalf you call, or `allOwners` for your program itself. */
  owner: Owner
}

export interface GetOptions extends OwnerScope {
  /** Members to add to the job. */
  include?: readonly 'input'[]
}

export interface RetryOptions extends OwnerScope {
  /** 1 to 255 characters. A second call with the same key within 24 hours resolves with the same new job. */
  idempotencyKey?: string
}

export interface WatchOptions extends OwnerScope {
  /** Ends the iteration, without an error. */
  signal?: AbortSignal
}

export interface ListOptions<Type extends string = string> extends OwnerScope {
  /** Only jobs with one of these statuses. Default: all. */
  status?: JobStatus | readonly JobStatus[]
  /** Only jobs of this type. Default: all. */
  type?: Type
  /** The page size, from 1 to 100. Default: 20. */
  limit?: number
  /** `nextCursor` of the previous page. Default: the first page. */
  cursor?: string
}

/** One page of jobs, newest first. */
export interface JobPage<Item = JobSummary> {
  items: Item[]
  /** Pass it as `cursor` to get the next page. Null on the last page. */
  nextCursor: string | null
}

/** The registered webhook endpoints of each owner. Every method rejects with `invalid-configuration` without `webhooks.endpoints`. */
export interface WebhookEndpoints {
  /**
   * Registers an endpoint. Its signing `secret` is shown once. Default: all events.
   * @throws {UketsukeError} `validation-error`, `webhook-url-forbidden`
   */
  create(options: {
    owner: string
    url: string
    events?: readonly WebhookEventType[]
    /** For people, up to 200 characters. */
    description?: string
  }): Promise<EndpointView & { secret: string }>
  /** Resolves with the endpoints of an owner, oldest first. */
  list(options: { owner: string }): Promise<EndpointView[]>
  /** @throws {UketsukeError} `not-found` */
  get(endpointId: string, options: { owner: string }): Promise<EndpointView>
  /** @throws {UketsukeError} `not-found` */
  remove(endpointId: string, options: { owner: string }): Promise<void>
  /** Stops sending to it. Webhooks fail meanwhile, and `recover` sends them later. @throws {UketsukeError} `not-found` */
  disable(endpointId: string, options: { owner: string }): Promise<EndpointView>
  /** Sends to it again, also after it was disabled because it failed. @throws {UketsukeError} `not-found` */
  enable(endpointId: string, options: { owner: string }): Promise<EndpointView>
  /** Resolves with a new secret, once. The previous one signs too for 24 hours. @throws {UketsukeError} `not-found` */
  rotateSecret(endpointId: string, options: { owner: string }): Promise<EndpointView & { secret: string }>
  /**
   * Sends again every webhook to it that failed at `since` or later and was not delivered since. Resolves with their number.
   * @throws {UketsukeError} `not-found`
   */
  recover(endpointId: string, options: { owner: string; since: Date | string }): Promise<number>
}

/** A file of a job, opened for reading. */
export interface OpenFile extends Omit<JobFile, 'url'> {
  /** Read it or cancel it: until then the file is open. */
  data: ReadableStream<Uint8Array>
}

/** The job that your own route requests from `accept`, which validates every field. */
export interface JobRequest<Types extends JobTypes> {
  type: keyof Types & string
  input: unknown
  priority?: unknown
  webhookUrl?: unknown
  delay?: unknown
  runAt?: unknown
  metadata?: unknown
  /**
   * How long the response waits for the job, in milliseconds, up to 50,000. If it completes in time, the response is a 200 with the output
   * as its body and the job in `Content-Location`; otherwise, and if it fails, the usual 202. The work is never started twice. A client may
   * shorten it with `Prefer: wait`, and skip it with `Prefer: respond-async`.
   */
  answerWithin?: number | undefined
}

/** A question that the handler of a job asks. */
export interface QuestionView {
  name: string
  message: string
  /** A JSON Schema for the content of the answer: a flat object. */
  schema: object
  /** Times in ISO 8601. */
  askedAt: string
  /** When the handler stops waiting. */
  expiresAt: string
}

/** An answer to a question. `cancel` dismisses it without a decision. */
export type GivenAnswer = { action: 'accept'; content?: object } | { action: 'decline' | 'cancel' }

/**
 * The job system of a program, created by `createJobs`. Every method waits for the store to open, and rejects with `store-unusable`
 * or `temporarily-unavailable` if that fails.
 */
// biome-ignore lint/suspicious/noExplicitAny: `Jobs` without type arguments is that of any program.
export interface Jobs<Types extends JobTypes = any> {
  /**
   * Stores a job and resolves with it once it is on disk; with `tx`, once it is part of that transaction. `created` is false if it existed
   * before: with the same idempotency key, or with the same key of a `unique` type, which `deduplicated` tells.
   * @throws {UketsukeError} `validation-error`, `unknown-job-type`, `webhook-url-forbidden`, `invalid-owner`,
   * `invalid-idempotency-key`, `idempotency-key-reused`, `idempotency-in-progress`, `temporarily-unavailable`;
   * `invalid-configuration` for a `tx` that the store cannot use
   */
  enqueue<N extends keyof Types & string>(
    type: N,
    input: InputOf<Types[N]>,
    options?: EnqueueOptions,
  ): Promise<JobOf<Types, N> & { created: boolean }>

  /**
   * Stores up to 10,000 jobs of one type in one commit: all of them or none. Resolves with the jobs in the order of their inputs, and
   * with the id of the batch that they form, for `batch`. The options apply to each job.
   * @throws {UketsukeError} as `enqueue` does. Each pointer of a `validation-error` starts with the index of the input, as in
   * `/3/input/n`.
   */
  enqueueMany<N extends keyof Types & string>(
    type: N,
    inputs: readonly InputOf<Types[N]>[],
    options?: EnqueueManyOptions,
  ): Promise<JobOf<Types, N>[] & { readonly batchId: string }>

  /**
   * Counts the jobs that one call of `enqueueMany` has created, by status; null if there are none. Deleted jobs are not counted, nor are
   * unfinished jobs that stood in for new ones of a `unique` type.
   * @throws {UketsukeError} `invalid-owner`
   */
  batch(batchId: string, options: OwnerScope): Promise<BatchView | null>

  /**
   * Resolves with the current state of a job, or null if it does not exist. `include: ['input']` adds its input.
   * @throws {UketsukeError} `invalid-owner`
   */
  get(id: string, options: GetOptions): Promise<JobOf<Types> | null>
  /** The same for a job of one type. Null if the job is of another type. @throws {UketsukeError} `invalid-owner` */
  get<N extends keyof Types & string>(type: N, id: string, options: GetOptions): Promise<JobOf<Types, N> | null>

  /** Resolves with one page of jobs, newest first. @throws {UketsukeError} `invalid-query`, `invalid-owner` */
  list(options: ListOptions<keyof Types & string>): Promise<JobPage<SummaryOf<Types>>>

  /**
   * Cancels a job and resolves with its state. A pending job ends immediately. For a running job, the handler's signal aborts and the
   * handler has 5 seconds to return. A job that has ended does not change.
   * @throws {UketsukeError} `job-not-found`
   */
  cancel(id: string, options: OwnerScope): Promise<JobOf<Types>>
  /** The same for a job of one type. @throws {UketsukeError} `job-not-found`, also if the job is of another type */
  cancel<N extends keyof Types & string>(type: N, id: string, options: OwnerScope): Promise<JobOf<Types, N>>

  /**
   * Resolves with the questions that the handler of a job asks with `ask` and that can be answered now, oldest first. Clients of
   * `jobs.mcp()` see the same.
   * @throws {UketsukeError} `job-not-found`, `job-expired`, `invalid-owner`
   */
  questions(id: string, options: OwnerScope): Promise<QuestionView[]>
  /**
   * Answers a question of a job, for its handler to go on. The first answer counts.
   * @throws {UketsukeError} `validation-error` if the answer does not fit the question, which stays open; `not-found` if the job has no
   * open question of this name; `job-not-found`, `job-expired`, `invalid-owner`
   */
  answer(id: string, name: string, answer: GivenAnswer, options: OwnerScope): Promise<void>

  /**
   * Creates a new job with the input of a job that has ended. A second call with the same `idempotencyKey` within 24 hours resolves
   * with the same new job.
   * @throws {UketsukeError} `job-not-found`, `job-not-finished`, `invalid-idempotency-key`, `idempotency-key-reused`,
   * `idempotency-in-progress`
   */
  retry(id: string, options: RetryOptions): Promise<JobOf<Types>>
  /** The same for a job of one type. @throws {UketsukeError} as above, and `job-not-found` if the job is of another type */
  retry<N extends keyof Types & string>(type: N, id: string, options: RetryOptions): Promise<JobOf<Types, N>>

  /** Deletes a job that has ended. @throws {UketsukeError} `job-not-found`, `job-not-finished` */
  remove(id: string, options: OwnerScope): Promise<void>

  /**
   * Yields the current state of a job and then each newer state, up to the terminal state. A slow reader may skip intermediate states
   * but always gets the last one. Ends early, without an error, when `signal` aborts or `close()` is called.
   * @throws {UketsukeError} `job-not-found`
   */
  watch(id: string, options: WatchOptions): AsyncGenerator<JobOf<Types>, void, undefined>
  /** The same for a job of one type. @throws {UketsukeError} `job-not-found`, also if the job is of another type */
  watch<N extends keyof Types & string>(
    type: N,
    id: string,
    options: WatchOptions,
  ): AsyncGenerator<JobOf<Types, N>, void, undefined>

  /**
   * Resolves with the attempts that have ended, oldest first. For `allOwners`, each error includes `thrown`: the error that the handler
   * threw, with its stack and causes. A single owner sees neither `thrown` nor worker names.
   * @throws {UketsukeError} `job-not-found`
   */
  attempts(id: string, options: OwnerScope): Promise<AttemptView[]>

  /**
   * Resolves with what the handler has logged about one job, oldest line first, up to about 64 KiB. Only for operators.
   * @throws {UketsukeError} `job-not-found`
   */
  logLines(id: string, options: { owner: typeof allOwners }): Promise<LogLine[]>

  /** Resolves with the webhooks about one job and their attempts, oldest first. @throws {UketsukeError} `job-not-found` */
  deliveries(id: string, options: OwnerScope): Promise<DeliveryView[]>

  /**
   * Sends a webhook about a job again, with the same `webhook-id`: the last one, or that of `deliveryId`.
   * @throws {UketsukeError} `job-not-found`, `not-found` if there is no such delivery, `job-not-finished` if it has not ended
   */
  redeliver(id: string, options: OwnerScope & { deliveryId?: string }): Promise<void>

  /** Manages registered webhook endpoints, with the option `webhooks.endpoints`. A change takes effect within two seconds. */
  readonly webhookEndpoints: WebhookEndpoints

  /**
   * Workers claim no further jobs of a type, or of any type without an argument, until `resume`. They follow within a second. Jobs that run
   * go on, new jobs are accepted, and webhooks are sent.
   * @throws {UketsukeError} `unknown-job-type` if it is no name of a type
   */
  pause(type?: string): Promise<void>
  /** Ends a pause. `resume()` ends that of all types, not those of single types. @throws {UketsukeError} `unknown-job-type` */
  resume(type?: string): Promise<void>
  /** Resolves with the names of the paused types, and with `*` if all are. */
  paused(): Promise<string[]>

  /** Schedules create jobs at the times of a cron expression. Workers do it, each job once. */
  readonly schedules: ScheduleVerbs<Types>

  /**
   * The secret with which an owner's receivers verify webhooks: with `webhooks.masterSecret` one of the owner's own, otherwise the shared
   * one. During a rotation, the new one. Show it to this owner only.
   * @throws {UketsukeError} `invalid-configuration` without `webhooks`, `invalid-owner`
   */
  webhookSecret(owner: string): string

  /** Manages the API keys in the store. The HTTP API accepts them with the option `apiKeys`. */
  readonly apiKeys: {
    /**
     * Creates a key. Its `key` is shown once: only a hash is stored.
     * @throws {UketsukeError} `invalid-owner`, `invalid-configuration`
     */
    create(options: ApiKeyOptions): Promise<ApiKeyView & { key: string }>
    /** Resolves with the keys of an owner, or of all with `allOwners`, the expired and revoked ones included. */
    list(scope: OwnerScope): Promise<ApiKeyView[]>
    /** Revokes a key by its id. Takes effect within five seconds, open streams included. Resolves with false if there is no such key. */
    revoke(id: string): Promise<boolean>
  }

  /** Resolves with the number of jobs and of webhook deliveries in each status. */
  stats(): Promise<Record<Queue, Record<JobStatus, number>>>

  /**
   * Opens a file that a completed job has saved. Resolves with null if the job is absent or has another owner, and if it lists no such file.
   * @throws {UketsukeError} `invalid-owner`, `temporarily-unavailable`
   */
  file(id: string, name: string, options: OwnerScope): Promise<OpenFile | null>

  /**
   * Starts a worker in this process. It runs jobs until its `stop()` or `close()`.
   * @throws {UketsukeError} `closed` after `close()`, `invalid-configuration`
   */
  work(options?: WorkOptions): Promise<WorkerHandle>

  /**
   * Handles one HTTP request to the jobs API: a fetch handler for Hono, Next.js, Bun and similar. It never rejects because of client
   * input. On Node.js, use `nodeListener` or `expressJobs`.
   */
  fetch(request: Request): Promise<Response>

  /**
   * Accepts a job on your own route and resolves with the complete response: the 202, the 200 of `answerWithin`, or a problem. The
   * caller, the `Idempotency-Key` and `Prefer` come from the request.
   */
  accept(request: Request, job: JobRequest<Types>): Promise<Response>

  /** Whether this process can serve requests and run jobs: its store answers, and it is not closing. Never rejects. */
  health(): Promise<Health>

  /**
   * Resolves with metrics in the text format of Prometheus: what this process did, and what waits and runs in the store.
   * @throws {UketsukeError} `invalid-configuration` without the option `metrics`, `temporarily-unavailable`
   */
  metrics(): Promise<string>

  /**
   * A fetch handler for `/livez`, `/readyz` and, with the option `metrics`, `/metrics`. It needs no credential: serve it on a port that
   * only operators can reach.
   */
  management(request: Request): Promise<Response>

  /**
   * A fetch handler for the operators' dashboard: its pages and their JSON API, below any path. On Node.js, pass it to `listen` of
   * `uketsuke/node`.
   * @throws {UketsukeError} `invalid-configuration`
   */
  dashboard(options: DashboardOptions): (request: Request) => Promise<Response>

  /**
   * A fetch handler that offers the job types with `mcp` as tools of the Model Context Protocol, to the callers whom `authenticate` knows. It
   * takes POST requests at any path. On Node.js, pass it to `listen` of `uketsuke/node`.
   * @throws {UketsukeError} `invalid-configuration` without `authenticate`, or if a type cannot be a tool
   */
  mcp(options?: McpOptions): (request: Request) => Promise<Response>

  /**
   * Opens the store. Call it at startup to fail early. After `temporarily-unavailable`, call it again to retry.
   * @throws {UketsukeError} `store-unusable`, `temporarily-unavailable`
   */
  ready(): Promise<void>

  /**
   * Stops accepting jobs, ends streams so that clients reconnect elsewhere, stops workers and closes the store. Idempotent. Resolves
   * even if the store does not respond.
   */
  close(): Promise<void>

  /** The path of the jobs API in this server. */
  readonly basePath: string
  /** The jobs API as clients see it: an absolute URL if `publicUrl` is set, otherwise a path. */
  readonly url: string
  /** The logger in use. Adapters log to it. */
  readonly log: Log
  /** The store in use, and which failures an accepted job survives. */
  readonly store: { readonly description: { readonly engine: string; readonly durability: string } }
  /** How processes on the same store notify each other. */
  readonly dispatch: { readonly description: string }
}
