import type { Weights } from '../accept/fair-ranks.ts'
import { defaultLimits, type Limits } from '../accept/validate.ts'
import { assertConfiguration } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { JobTypes } from '../definition/define.ts'
import type { NewJobOptions } from '../definition/new-job-options.ts'
import { deliveryType } from '../domain/change.ts'
import { isTypeName } from '../domain/identifiers.ts'
import { type Bounds, century, day, integerOption, maxInteger } from '../domain/numbers.ts'
import type { FileStorage } from '../files/port.ts'
import type { HttpOptions } from '../http/identity.ts'
import { checkSchedules } from '../schedule/declared.ts'
import type { ScheduleOptions } from '../schedule/schedule.ts'
import type { StoreFactory } from '../store/port.ts'
import type { Transaction } from '../store/transaction.ts'
import type { TransportFactory } from '../transport/port.ts'
import { checkWebhooks, type WebhookOptions } from './webhook-options.ts'

export interface JobsOptions<Types extends JobTypes> {
  /** The job types by name, each made with `job()`. */
  jobs: Types
  /** The store that keeps the jobs, such as `sqlite('jobs.db')`. */
  store: StoreFactory
  /**
   * Where the files are kept that handlers save, such as `localFiles('files')`. Default: with SQLite, in a folder beside the database, with
   * `-files` added to its name; otherwise nowhere. All processes need access to it.
   */
  files?: FileStorage
  /** How processes notify each other of new jobs and changes, such as `redis('redis://…')`. Default: through the store. */
  dispatch?: TransportFactory
  /**
   * Authenticates an HTTP request. Returns the caller's identity, or null to respond with 401. Required by `fetch` and `accept`; a
   * process that only runs jobs does not need it.
   */
  authenticate?: HttpOptions['authenticate']
  /**
   * Whether the API accepts API keys, which `jobs.apiKeys` and `uketsuke keys` manage, in `Authorization: Bearer` or `X-API-Key`. Requests
   * without a key go to `authenticate`, if there is one. Default: false.
   */
  apiKeys?: boolean
  /**
   * Whether a `credential` that `authenticate` named has been revoked. Asked for the credentials of open streams every two seconds, and
   * for each use of a stream ticket.
   */
  isRevoked?: HttpOptions['isRevoked']
  /** The path of the jobs API in this server. Default: `/api/jobs`. */
  basePath?: string
  /**
   * The URL of the jobs API as clients see it, such as `https://example.com/app/api/jobs`. For an origin without a path, `basePath` is
   * appended. All URLs in responses, events and webhooks start with it, and requests still match when a mount or a proxy strips this
   * path. Default: URLs are paths that start with `basePath`.
   */
  publicUrl?: string
  /**
   * How long a worker holds a job without renewing its lease, in milliseconds, from 1,000 to one day. A worker renews the lease every
   * third of this time. Default: 30,000.
   */
  lease?: number
  /** Enables webhooks. Default: requests with a `webhookUrl` are rejected with `webhook-url-forbidden`. */
  webhooks?: WebhookOptions
  /** The maximum size of an HTTP request body in bytes, from 1 to 256 MiB. Default: 1 MiB. */
  maxBodyBytes?: number
  /** Limits for new jobs. */
  limits?: Partial<Limits>
  /** Limits per owner, enforced by all processes on the store together. A request over a limit gets 429 with `quota-exceeded`. */
  quotas?: {
    /**
     * HTTP requests of one owner: at most `limit` in `window` milliseconds (1,000 to one hour; default 1,000), and as many at once.
     * Default: no limit.
     */
    requests?: { limit: number; window?: number }
    /**
     * Pending jobs of one owner, delayed ones included, from 1 to 10,000,000. It also applies to `enqueue`. The first start creates an
     * index in the store. Default: no limit.
     */
    waitingJobs?: number
    /** Event streams of one owner, in each process. Default: 1,000. */
    streamsPerOwner?: number
    /** Event streams of one process. Default: 20,000. */
    streamsPerProcess?: number
  }
  /**
   * Waiting jobs are served fairly by owner, within a priority. `weights` gives an owner more or less work than others: a number from 0.001
   * to 1,000 for each owner, or a function that returns it. Default: 1 for every owner.
   */
  fairness?: { weights?: Weights }
  /**
   * Schedules by name: jobs at the times of a cron expression. All processes that have this option declare the same ones; a schedule that is
   * no longer declared is removed at the next start. See also `jobs.schedules`. Default: those of other processes are left alone.
   */
  schedules?: Readonly<Record<string, ScheduleOptions<NoInfer<Types>>>>
  /** Whether `GET /docs` serves the API reference, which needs no credential. Default: true. */
  docs?: boolean
  /** Whether to keep metrics for `metrics()`. Default: false. */
  metrics?: boolean
  /**
   * Whether to create spans through `@opentelemetry/api`: for each new job, each attempt and each webhook. Jobs and webhooks carry the
   * trace context. Default: false.
   */
  tracing?: boolean
  /** The logger. Default: pino at level `info`. */
  log?: Log
  /** The clock, for tests. Default: the system clock. */
  clock?: Clock
}

/** The default export of the module that `uketsuke serve --jobs` loads. The operator selects the store and dispatch. */
export type JobsModule<Types extends JobTypes> = Omit<JobsOptions<Types>, 'store' | 'dispatch' | 'clock'>

/** Type-checks the default export of a jobs module, and returns it unchanged. */
export function defineJobs<Types extends JobTypes>(options: JobsModule<Types>): JobsModule<Types> {
  return options
}

export interface EnqueueOptions extends NewJobOptions {
  /**
   * Stores the job in your own transaction on the store's database: the job exists only if you commit. Pass a `pg` client directly;
   * `uketsuke/postgres` has adapters for Prisma, Drizzle, Kysely and Knex. The promise resolves before your commit.
   */
  tx?: Transaction
}

export interface EnqueueManyOptions extends Omit<EnqueueOptions, 'idempotencyKey'> {
  /** The URL that receives one signed webhook, `batch.completed`, when all jobs of the call have ended. */
  batchWebhookUrl?: string
}

/** @throws {UketsukeError} `invalid-configuration` */
export function checkOptions(options: JobsOptions<JobTypes>): void {
  const { webhooks, jobs, schedules, store, dispatch } = options
  assertConfiguration(typeof store === 'function', 'createJobs(): store must be a store such as sqlite("jobs.db")')
  assertConfiguration(
    dispatch === undefined || typeof dispatch === 'function',
    "createJobs(): dispatch must be a transport such as redis('redis://…')",
  )
  for (const name of ['apiKeys', 'docs', 'metrics', 'tracing'] as const) {
    assertConfiguration(
      options[name] === undefined || typeof options[name] === 'boolean',
      `createJobs(): ${name} must be true or false`,
    )
  }
  for (const name of Object.keys(jobs)) {
    assertConfiguration(
      isTypeName(name),
      `createJobs(): the job type name ${JSON.stringify(name)} must be 1 to 128 characters from A-Z a-z 0-9 _ . : -`,
    )
    assertConfiguration(name !== deliveryType, `createJobs(): the job type name ${deliveryType} is reserved`)
  }
  if (webhooks !== undefined) checkWebhooks(webhooks)
  if (schedules !== undefined) checkSchedules(schedules, jobs)
}

/** Validates the numeric options and applies their defaults. @throws {UketsukeError} `invalid-configuration` */
export function numbersOf({ lease, maxBodyBytes, limits, quotas }: JobsOptions<JobTypes>) {
  const of = 'milliseconds'
  const bytes = { min: 1, max: maxInteger, of: 'bytes' }
  const { inputBytes, outputBytes, metadataBytes, chunkBytes, streamBytes, delay, acceptTimeout } = limits ?? {}
  const defaults = defaultLimits
  return {
    lease: integerOption('createJobs(): lease', lease, 30_000, { min: 1_000, max: day, of }),
    maxBodyBytes: integerOption('createJobs(): maxBodyBytes', maxBodyBytes, 1 << 20, bytes),
    limits: {
      inputBytes: integerOption('createJobs(): limits.inputBytes', inputBytes, defaults.inputBytes, bytes),
      outputBytes: integerOption('createJobs(): limits.outputBytes', outputBytes, defaults.outputBytes, bytes),
      metadataBytes: integerOption('createJobs(): limits.metadataBytes', metadataBytes, defaults.metadataBytes, bytes),
      chunkBytes: integerOption('createJobs(): limits.chunkBytes', chunkBytes, defaults.chunkBytes, bytes),
      streamBytes: integerOption('createJobs(): limits.streamBytes', streamBytes, defaults.streamBytes, bytes),
      delay: integerOption('createJobs(): limits.delay', delay, defaults.delay, { min: 0, max: century, of }),
      acceptTimeout: integerOption('createJobs(): limits.acceptTimeout', acceptTimeout, defaults.acceptTimeout, {
        min: 5_000,
        max: 60 * 60_000,
        of,
      }),
    },
    quotas: quotasOf(quotas ?? {}),
  }
}

function quotasOf({ requests, waitingJobs, streamsPerOwner, streamsPerProcess }: Quotas) {
  const count = { min: 1, max: 10_000_000 }
  const of = 'milliseconds'
  const integer = (name: string, value: unknown, usual: number, bounds: Bounds) =>
    integerOption(`createJobs(): quotas.${name}`, value, usual, bounds)
  assertConfiguration(
    requests === undefined || (typeof requests === 'object' && requests?.limit !== undefined),
    'createJobs(): quotas.requests must be an object with a limit',
  )
  return {
    requests:
      requests === undefined
        ? null
        : {
            limit: integer('requests.limit', requests.limit, 0, count),
            window: integer('requests.window', requests.window, 1_000, { min: 1_000, max: 60 * 60_000, of }),
          },
    waitingJobs: waitingJobs === undefined ? null : integer('waitingJobs', waitingJobs, 0, count),
    streams: {
      perOwner: integer('streamsPerOwner', streamsPerOwner, 1_000, count),
      perProcess: integer('streamsPerProcess', streamsPerProcess, 20_000, count),
    },
  }
}

type Quotas = NonNullable<JobsOptions<JobTypes>['quotas']>
