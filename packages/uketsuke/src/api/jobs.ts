import type { Log } from '../base/log.ts'
import type { InputOf, JobTypes, OutputOf } from '../definition/define.ts'
import type { Failure } from '../domain/errors.ts'
import type { Attempt, JobStatus, Queue } from '../domain/job.ts'
import type { JobView } from '../domain/view.ts'
import type { Owner } from '../store/port.ts'
import type { WorkerHandle, WorkOptions } from '../work/workers.ts'
import type { EnqueueOptions } from './options.ts'

/** A job of one of these types. `type` tells which. */
export type JobOf<Types extends JobTypes, Name extends keyof Types & string = keyof Types & string> = {
  [N in Name]: JobView<N, OutputOf<Types[N]>, InputOf<Types[N]>>
}[Name]

/** Whose jobs a call may see. It is required, so that a session without a user never sees the jobs of everybody. */
export interface OwnerScope {
  /** The owner on whose behalf you ask, or `allOwners` where your program itself asks. */
  owner: Owner
}

export interface ListOptions extends OwnerScope {
  status?: JobStatus | readonly JobStatus[]
  type?: string
  /** 1 to 100; 20 by default. */
  limit?: number
  /** `nextCursor` of the previous page. */
  cursor?: string
}

/** One page of jobs, newest first. */
export interface JobPage<Item = JobView> {
  items: Item[]
  /** Pass it as `cursor` to get the next page. Null on the last page. */
  nextCursor: string | null
}

/** One attempt that has ended. Times are ISO 8601. */
export interface AttemptView extends Omit<Attempt, 'startedAt' | 'endedAt'> {
  startedAt: string
  endedAt: string
}

/** One webhook about a job. Times are ISO 8601. */
export interface DeliveryView {
  /** `exhausted` after the last attempt. You can send a webhook again for as long as its job is kept. */
  status: JobStatus | 'exhausted'
  attempt: number
  maxAttempts: number
  nextAttemptAt: string | null
  completedAt: string | null
  error: Failure | null
  attempts: AttemptView[]
}

/** What a route of your own asks for. `accept` validates every field. */
export interface JobRequest<Types extends JobTypes> {
  type: keyof Types & string
  input: unknown
  priority?: unknown
  webhookUrl?: unknown
  delay?: unknown
  runAt?: unknown
  metadata?: unknown
}

/**
 * The job system of one program, made by `createJobs`. Every method waits for the store to open, and rejects with
 * `store-unusable` or `temporarily-unavailable` where that fails.
 */
// biome-ignore lint/suspicious/noExplicitAny: `Jobs` without types stands for those of any program.
export interface Jobs<Types extends JobTypes = any> {
  /**
   * Stores a job and resolves with it once it is on disk; with `tx`, once it is part of that transaction.
   * @throws {UketsukeError} `validation-error`, `unknown-job-type`, `webhook-url-forbidden`, `invalid-owner`,
   * `invalid-idempotency-key`, `idempotency-key-reused`, `idempotency-in-progress`, `temporarily-unavailable`;
   * `invalid-configuration` for a `tx` that the store cannot use
   */
  enqueue<N extends keyof Types & string>(
    type: N,
    input: InputOf<Types[N]>,
    options?: EnqueueOptions,
  ): Promise<JobOf<Types, N>>

  /**
   * Stores up to 10,000 jobs of one type in one commit: all of them or none. Resolves with the jobs in the order of their inputs.
   * The options apply to each job.
   * @throws {UketsukeError} as `enqueue` does. Each pointer of a `validation-error` starts with the index of the input, as in
   * `/3/input/n`.
   */
  enqueueMany<N extends keyof Types & string>(
    type: N,
    inputs: readonly InputOf<Types[N]>[],
    options?: Omit<EnqueueOptions, 'idempotencyKey'>,
  ): Promise<JobOf<Types, N>[]>

  /**
   * Resolves with the present state of a job, or null where there is no such job. `include: ['input']` adds its input.
   * @throws {UketsukeError} `invalid-owner`
   */
  get<N extends keyof Types & string = keyof Types & string>(
    id: string,
    options: OwnerScope & { include?: readonly 'input'[] },
  ): Promise<JobOf<Types, N> | null>

  /** Resolves with one page of jobs, newest first. @throws {UketsukeError} `invalid-query`, `invalid-owner` */
  list(options: ListOptions): Promise<JobPage<JobOf<Types>>>

  /**
   * Cancels a job and resolves with its state. A pending job ends at once. A running job has its signal aborted and 5 s to return. A
   * job that has ended stays as it is.
   * @throws {UketsukeError} `job-not-found`
   */
  cancel<N extends keyof Types & string = keyof Types & string>(
    id: string,
    options: OwnerScope,
  ): Promise<JobOf<Types, N>>

  /**
   * Makes a new job with the input of one that has ended. With the same `idempotencyKey` within 24 hours, resolves with the same new
   * job.
   * @throws {UketsukeError} `job-not-found`, `job-not-finished`, `invalid-idempotency-key`, `idempotency-key-reused`,
   * `idempotency-in-progress`
   */
  retry<N extends keyof Types & string = keyof Types & string>(
    id: string,
    options: OwnerScope & { idempotencyKey?: string },
  ): Promise<JobOf<Types, N>>

  /** Deletes a job that has ended. @throws {UketsukeError} `job-not-found`, `job-not-finished` */
  remove(id: string, options: OwnerScope): Promise<void>

  /**
   * Yields the present state of a job and then each newer one, up to the terminal one. A slow reader misses states in between, never
   * the last one. Ends early, without an error, when `signal` aborts or this program closes.
   * @throws {UketsukeError} `job-not-found`
   */
  watch<N extends keyof Types & string = keyof Types & string>(
    id: string,
    options: OwnerScope & { signal?: AbortSignal },
  ): AsyncGenerator<JobOf<Types, N>, void, undefined>

  /**
   * Resolves with the attempts that have ended, oldest first. For `allOwners` each error has `thrown`: what the handler threw, with
   * stack and causes. A single owner sees neither that nor the names of workers.
   * @throws {UketsukeError} `job-not-found`
   */
  attempts(id: string, options: OwnerScope): Promise<AttemptView[]>

  /** Resolves with the webhooks about one job and their attempts, oldest first. @throws {UketsukeError} `job-not-found` */
  deliveries(id: string, options: OwnerScope): Promise<DeliveryView[]>

  /**
   * Sends the webhook about a job again, with the same `webhook-id`.
   * @throws {UketsukeError} `job-not-found`, `job-not-finished` where the job has no webhook that has ended
   */
  redeliver(id: string, options: OwnerScope): Promise<void>

  /** Resolves with the number of jobs and of webhook deliveries in each status. */
  stats(): Promise<Record<Queue, Record<JobStatus, number>>>

  /**
   * Starts a worker in this process. It runs jobs until its `stop()` or `close()`.
   * @throws {UketsukeError} `closed` after `close()`, `invalid-configuration`
   */
  work(options?: WorkOptions): Promise<WorkerHandle>

  /**
   * Answers one HTTP request to the jobs API: a fetch handler for Hono, Next.js, Bun and the like. It never rejects for what a client
   * sends. Use `nodeListener` or `expressJobs` on Node.
   */
  fetch(request: Request): Promise<Response>

  /**
   * Accepts a job on a route of your own and answers with the whole 202, or with a problem. The request provides the caller, the
   * `Idempotency-Key` and `Prefer`.
   */
  accept(request: Request, asked: JobRequest<Types>): Promise<Response>

  /**
   * Opens the store. Call it at start to fail early. After `temporarily-unavailable`, calling it again tries again.
   * @throws {UketsukeError} `store-unusable`, `temporarily-unavailable`
   */
  ready(): Promise<void>

  /**
   * Stops accepting jobs, ends streams so that clients reconnect elsewhere, stops workers and closes the store. Idempotent. Resolves
   * even where the store does not answer.
   */
  close(): Promise<void>

  /** The path at which requests for the jobs API arrive. */
  readonly basePath: string
  /** Where clients find the jobs API: an absolute URL with `publicUrl`, else a path. */
  readonly url: string
  /** The logger that this program was given. Adapters log to it. */
  readonly log: Log
  /** The engine in use, and what an accepted job survives. */
  readonly store: { readonly description: { readonly engine: string; readonly durability: string } }
  /** How processes on the same store notify each other. */
  readonly dispatch: { readonly description: string }
}
