import { defaultLimits, type Limits } from '../accept/validate.ts'
import { assertConfiguration } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { JobTypes } from '../definition/define.ts'
import { deliveryType } from '../domain/change.ts'
import { isTypeName } from '../domain/identifiers.ts'
import type { Priority } from '../domain/job.ts'
import { century, day, integerOption, maxInteger } from '../domain/numbers.ts'
import type { HttpOptions } from '../http/identity.ts'
import { keysOf } from '../notify/secret.ts'
import type { StoreFactory } from '../store/port.ts'
import type { Transaction } from '../store/transaction.ts'
import type { TransportFactory } from '../transport/port.ts'

export interface JobsOptions<Types extends JobTypes> {
  /** The job types by name, each made with `job()`. */
  jobs: Types
  /** Where jobs are kept, such as `sqlite('jobs.db')`. */
  store: StoreFactory
  /** How processes hear of each other's work and changes, such as `redis('redis://…')`; by default from the store itself. */
  dispatch?: TransportFactory
  /** Who calls over HTTP: an owner, or null for 401. Required before `fetch` or `accept` is used; a worker needs none. */
  authenticate?: HttpOptions['authenticate']
  /** The path at which requests for the jobs API arrive; `/api/jobs` by default. */
  basePath?: string
  /**
   * The URL of the jobs API as clients see it, such as `https://example.com/app/api/jobs`; a bare origin means `basePath` on it. All URLs
   * that clients and webhook receivers get begin with it, and a mount or proxy that cuts this path off is recognised. Without it
   * those URLs are paths that begin with `basePath`.
   */
  publicUrl?: string
  /** How long a worker holds a job without a sign of life, in milliseconds, 1,000 to a day; 30,000 by default, renewed every third of it. */
  lease?: number
  webhooks?: {
    /** Signs webhooks: `whsec_` and the base64 of 24 to 64 random bytes. Give the new and the old one while it rotates. */
    secret: string | readonly string[]
    /**
     * `host:port` of receivers that may be called though they are not on the public internet, over http as well. Such a host may lead to
     * private addresses, never to link-local addresses or metadata services.
     */
    allowHosts?: readonly string[]
    /** Whether webhooks may go to loopback and private addresses; false by default. Set it in development only. */
    allowPrivateNetworks?: boolean
    /** The ports that webhooks may go to; 80, 443, 8080 and 8443 by default. */
    ports?: readonly number[]
    /** Whether webhook URLs must be https; by default where `NODE_ENV` is `production`. */
    httpsOnly?: boolean
    /**
     * An HTTP proxy for all webhooks, such as `http://proxy.internal:3128`. It is asked to CONNECT to the address that was checked here.
     * Proxies of the environment are not used.
     */
    proxy?: string
    /** Name servers for the hosts of webhooks, as `address` or `address:port`; those of the machine by default. */
    nameServers?: readonly string[]
    /** The `User-Agent` of webhooks; `uketsuke/<version>` by default. */
    userAgent?: string
  }
  /** The largest request body in bytes, up to 256 MiB; 1 MiB by default. */
  maxBodyBytes?: number
  limits?: Partial<Limits>
  /** pino at level `info` by default. */
  log?: Log
  clock?: Clock
}

/** What `uketsuke serve --jobs` reads: everything but the engines, which are the operator's to choose. */
export type JobsModule<Types extends JobTypes> = Omit<JobsOptions<Types>, 'store' | 'dispatch' | 'clock'>

/** For the default export of a module of jobs: gives it back, with its types checked. */
export function defineJobs<Types extends JobTypes>(options: JobsModule<Types>): JobsModule<Types> {
  return options
}

export interface EnqueueOptions {
  /** Whose job it is; `system` where this is left out, and refused where it is undefined. Over HTTP only this owner will see it. */
  owner?: string
  priority?: Priority
  /** Called with the job when it ends. */
  webhookUrl?: string
  /** Enqueueing again with the same key and the same arguments within 24 hours gives the same job. The scope is the owner. */
  idempotencyKey?: string
  /** Milliseconds from now. */
  delay?: number
  runAt?: Date | string
  /** Anything of your own, at most 16 KiB of JSON; clients see it. */
  metadata?: Record<string, unknown>
  /**
   * Stores the job as a part of your own transaction on the database that keeps the jobs: no commit, no job. A `pg` client fits as it
   * is; `uketsuke/postgres` has the adapters for Prisma, Drizzle, Kysely and Knex. The promise resolves before the commit, which is yours.
   */
  tx?: Transaction
}

/** @throws {UketsukeError} `invalid-configuration` */
export function checkOptions(options: JobsOptions<JobTypes>): void {
  const { webhooks, jobs, store, dispatch } = options
  assertConfiguration(typeof store === 'function', 'createJobs(): store must be a store such as sqlite("jobs.db")')
  assertConfiguration(
    dispatch === undefined || typeof dispatch === 'function',
    "createJobs(): dispatch must be such as redis('redis://…')",
  )
  for (const name of Object.keys(jobs)) {
    assertConfiguration(
      isTypeName(name),
      `createJobs(): the job type ${JSON.stringify(name)} must be 1 to 128 of the characters A-Z a-z 0-9 _ . : -`,
    )
    assertConfiguration(name !== deliveryType, `createJobs(): the name ${deliveryType} is the system's own`)
  }
  if (webhooks === undefined) return
  assertConfiguration(
    typeof webhooks === 'object' && webhooks !== null,
    'createJobs(): webhooks must be an object with a secret',
  )
  keysOf(webhooks.secret)
  const { userAgent, allowHosts, ports, proxy, nameServers } = webhooks
  assertConfiguration(
    isTextList(allowHosts) && (allowHosts ?? []).every((one) => /^.+:\d{1,5}$/.test(one)),
    'createJobs(): webhooks.allowHosts must be an array of "host:port"',
  )
  assertConfiguration(
    ports === undefined ||
      (Array.isArray(ports) && ports.every((one) => Number.isInteger(one) && one > 0 && one < 65_536)),
    'createJobs(): webhooks.ports must be an array of port numbers',
  )
  assertConfiguration(
    proxy === undefined || (typeof proxy === 'string' && URL.canParse(proxy) && new URL(proxy).protocol === 'http:'),
    'createJobs(): webhooks.proxy must be a URL that begins with http://',
  )
  assertConfiguration(isTextList(nameServers), 'createJobs(): webhooks.nameServers must be an array of addresses')
  assertConfiguration(
    userAgent === undefined ||
      (typeof userAgent === 'string' && /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(userAgent)),
    'createJobs(): webhooks.userAgent must be 1 to 255 printable ASCII characters, without a space at either end',
  )
}

const isTextList = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'))

/** The numbers of the options, checked, with what is usual where one is left out. @throws {UketsukeError} `invalid-configuration` */
export function numbersOf({ lease, maxBodyBytes, limits }: JobsOptions<JobTypes>) {
  const of = 'milliseconds'
  const bytes = { min: 1, max: maxInteger, of: 'bytes' }
  const { inputBytes, metadataBytes, delay, acceptTimeout } = limits ?? {}
  const usual = defaultLimits
  return {
    lease: integerOption('createJobs(): lease', lease, 30_000, { min: 1_000, max: day, of }),
    maxBodyBytes: integerOption('createJobs(): maxBodyBytes', maxBodyBytes, 1 << 20, bytes),
    limits: {
      inputBytes: integerOption('createJobs(): limits.inputBytes', inputBytes, usual.inputBytes, bytes),
      metadataBytes: integerOption('createJobs(): limits.metadataBytes', metadataBytes, usual.metadataBytes, bytes),
      delay: integerOption('createJobs(): limits.delay', delay, usual.delay, { min: 0, max: century, of }),
      acceptTimeout: integerOption('createJobs(): limits.acceptTimeout', acceptTimeout, usual.acceptTimeout, {
        min: 5_000,
        max: 60 * 60_000,
        of,
      }),
    },
  }
}
