import type { AnyContract, InputOf, JobOf, SummaryOf, TypeOf } from './contract.ts'
import { createFollow } from './follow.ts'
import type { JobStatus, JobView, Priority } from './job.ts'
import { createHandle, type JobHandle } from './job-handle.ts'
import { createSend, jsonOf, type ClientOptions as RequestsOptions } from './requests.ts'
import { canShare } from './tabs.ts'

export interface ClientOptions extends RequestsOptions {
  /**
   * Whether the tabs of a browser share one event stream. All of them must use the same credential. Default: true if neither `token` nor
   * `headers` is set, since cookies are the same in all tabs.
   */
  share?: boolean
}

export interface EnqueueOptions {
  /** 1 to 255 characters. A second call with the same key and arguments within 24 hours gives the same job. Default: a random one. */
  idempotencyKey?: string
  /** The URL that receives a signed webhook when the job ends. */
  webhookUrl?: string
  /** `high` jobs run before `normal` jobs. Default: `normal`. */
  priority?: Priority
  /** How long to wait before the job runs, in milliseconds. Do not combine it with `runAt`. */
  delay?: number
  /** When to run the job. */
  runAt?: Date | string
  /** Your own data, stored with the job. */
  metadata?: Record<string, unknown>
  /** Gives up the request. The job may have been created. */
  signal?: AbortSignal
}

export interface ListOptions<Type extends string> {
  status?: JobStatus | readonly JobStatus[]
  type?: Type
  /** The page size, from 1 to 100. Default: 20. */
  limit?: number
  /** `nextCursor` of the previous page. */
  cursor?: string
  signal?: AbortSignal
}

/** A client of the jobs API, typed by the job types of the server. */
export interface Client<C extends AnyContract<C>> {
  /**
   * Creates a job and resolves with its handle once the server has stored it. Repeats the request while the network or the server fails;
   * an idempotency key makes that safe.
   * @throws {RequestError} `validation-error` and other problems of the server
   */
  enqueue<N extends TypeOf<C>>(type: N, input: InputOf<C, N>, options?: EnqueueOptions): Promise<JobHandle<JobOf<C, N>>>
  /** Takes up a job by its id, for example after a reload. Sends no request. */
  job(jobId: string): JobHandle<JobOf<C>>
  /** The same for a job of one type. A job of another type is not found. */
  job<N extends TypeOf<C>>(type: N, jobId: string): JobHandle<JobOf<C, N>>
  /** Resolves with one page of the caller's jobs, newest first. @throws {RequestError} */
  list(options?: ListOptions<TypeOf<C>>): Promise<{ items: SummaryOf<C>[]; nextCursor: string | null }>
}

/**
 * Creates a client. It does nothing before the first call, so it can be created on a server that renders pages.
 * @example
 * const client = createClient<AppJobs>({ url: '/api/jobs' })
 */
export function createClient<C extends AnyContract<C> = Record<string, { input: unknown; output: unknown }>>(
  options: ClientOptions,
): Client<C> {
  const send = createSend(options)
  const share = options.share ?? !(options.token || options.headers)
  let follow: ReturnType<typeof createFollow> | null = null
  const parts = {
    send,
    newKey,
    follow(...args: Parameters<ReturnType<typeof createFollow>>) {
      follow ??= createFollow(send, share && canShare() ? `uketsuke-1 ${options.url}` : null)
      return follow(...args)
    },
  }
  return {
    async enqueue(type: string, input: unknown, options: EnqueueOptions = {}) {
      const { idempotencyKey = newKey(), signal, ...rest } = options
      const headers = { 'idempotency-key': idempotencyKey }
      const response = await send('POST', '', { body: { type, input, ...rest }, headers, signal })
      const job = await jsonOf<JobView>(response)
      return createHandle(parts, job.jobId, type, job)
    },
    job: (first: string, second?: string) =>
      second === undefined ? createHandle(parts, first, null) : createHandle(parts, second, first),
    async list({ signal, status, ...rest }: ListOptions<string> = {}) {
      // JSON leaves out what is undefined.
      const query = new URLSearchParams(JSON.parse(JSON.stringify({ ...rest, status: status?.toString() })))
      return jsonOf(await send('GET', `?${query}`, { signal }))
    },
  } as unknown as Client<C>
}

/** A random idempotency key. `crypto.randomUUID` is not available on pages without TLS. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-')
