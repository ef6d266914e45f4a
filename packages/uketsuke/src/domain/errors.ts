import type { Failure as ClientFailure, Violation } from '@uketsuke/client'
import { brand } from './brand.ts'

export type { Violation }

/** Every error code of this package and its title. `http/problem.ts` maps the codes to HTTP statuses. */
export const errorTitles = {
  'invalid-json': 'Request body is not valid JSON',
  'invalid-query': 'Invalid query string',
  'invalid-idempotency-key': 'Invalid idempotency key',
  unauthorized: 'Authentication required',
  forbidden: 'Insufficient scope',
  'job-not-found': 'Job not found',
  'job-expired': 'Job has expired',
  'not-found': 'Resource not found',
  'method-not-allowed': 'Method not allowed',
  'not-acceptable': 'No acceptable representation',
  'payload-too-large': 'Request body too large',
  'unsupported-media-type': 'Unsupported media type',
  'idempotency-in-progress': 'Request with this idempotency key is still in progress',
  'job-not-finished': 'Job has not finished',
  'validation-error': 'Invalid request',
  'unknown-job-type': 'Unknown job type',
  'webhook-url-forbidden': 'Webhook URL not allowed',
  'idempotency-key-reused': 'Idempotency key was used with a different payload',
  'quota-exceeded': 'Too many requests',
  'temporarily-unavailable': 'Service temporarily unavailable',
  'internal-error': 'Internal server error',
  // Why an attempt failed
  'handler-error': 'The job failed because of an error on the server',
  'job-error': 'The job failed',
  unrecoverable: 'The job failed permanently',
  timeout: 'The attempt timed out',
  cancelled: 'The job was cancelled',
  'lease-lost': 'The worker stopped responding',
  'invalid-input': 'The stored input no longer matches its schema',
  'input-unreadable': 'No worker could read the input',
  corrupt: 'The stored data of the job cannot be read',
  'invalid-output': 'The handler returned an invalid output',
  'outcome-rejected': 'The outcome of the job could not be stored',
  'output-too-long': 'The live output is too long',
  'invalid-progress': 'Progress must be a number from 0 to 100',
  'invalid-step': 'A step has an invalid name, or was used twice',
  'invalid-question': 'A question has an invalid name, message or schema, or was asked twice',
  'not-answered': 'A question of the job was not answered in time',
  'invalid-file': 'The handler saved a file with an invalid name, type or content',
  'handler-crashed': 'The thread or process of the handler ended',
  'out-of-memory': 'The handler ran out of memory',
  'file-not-saved': 'A file of the job could not be stored',
  'webhook-refused': 'The webhook receiver did not respond with a 2xx status',
  'webhook-unreachable': 'The webhook receiver could not be reached',
  'webhook-endpoint-disabled': 'The webhook endpoint is disabled or deleted',
  closed: 'The job service is closed',
  // Why a program cannot start
  'invalid-configuration': 'Invalid configuration',
  'store-unusable': 'The store cannot be used',
  'invalid-owner': 'Invalid owner',
} as const

export type ErrorCode = keyof typeof errorTitles

/** Why an attempt or a job failed, as stored. Clients see an `error` without the members below. */
export interface Failure extends ClientFailure {
  /** For operators: the thrown error with its stack and causes. Only `attempts()` with `allOwners` returns it. */
  readonly thrown?: string
  /**
   * Set with code `input-unreadable`: when a worker first failed to read the input, in milliseconds since the epoch.
   */
  readonly since?: number
  /**
   * Set on webhook deliveries only: the receiver's response. `body` is at most 1 KiB; `ms` is the duration in
   * milliseconds.
   */
  readonly detail?: { readonly status?: number; readonly body?: string; readonly ms: number }
}

interface More {
  cause?: unknown
  errors?: readonly Violation[]
  /** Seconds to wait before retrying. */
  retryAfter?: number
  /** Set if the operation may have been committed, or may still be. */
  outcome?: 'unknown' | undefined
  /** With an unknown outcome: the id of the job to look up. */
  jobId?: string | undefined
}

/** An error thrown by this package. `message` is a sentence that says what is wrong and, where possible, what to do. */
export class UketsukeError extends Error {
  static {
    brand(UketsukeError, 'UketsukeError')
  }

  override readonly name: string = 'UketsukeError'
  /** A key of `errorTitles`. */
  readonly code: ErrorCode
  /** The invalid parts of a request; set with `validation-error`. */
  readonly errors: readonly Violation[] | undefined
  /** Seconds to wait before retrying, if retrying can help. */
  readonly retryAfter: number | undefined
  /** `unknown` if the operation may have been committed. If undefined, nothing was committed. */
  readonly outcome: 'unknown' | undefined
  /** With `outcome: 'unknown'` from creating a job: the job's id, if it was stored. */
  readonly jobId: string | undefined

  constructor(code: ErrorCode, detail: string = `${errorTitles[code]}.`, more: More = {}) {
    super(detail, { cause: more.cause })
    this.code = code
    this.errors = more.errors
    this.retryAfter = more.retryAfter
    this.outcome = more.outcome
    this.jobId = more.jobId
  }
}

/**
 * An error that a handler throws for its clients: `message` and `code` become the job's public error unchanged. Clients
 * never see the message or code of any other error. `cause` is for operators.
 */
export class JobError extends Error {
  static {
    brand(JobError, 'JobError')
  }

  override readonly name: string = 'JobError'
  /** `job-error` by default. */
  readonly code: string
  /** True (the default) retries the job if attempts remain; false fails it immediately. */
  readonly retryable: boolean

  constructor(message: string, options: { code?: string; retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = options.code ?? 'job-error'
    this.retryable = options.retryable ?? true
  }
}

/** A `JobError` that fails the job immediately, without a retry. The default code is `unrecoverable`. */
export class UnrecoverableError extends JobError {
  static {
    brand(UnrecoverableError, 'UnrecoverableError')
  }

  override readonly name = 'UnrecoverableError'

  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, { code: options.code ?? 'unrecoverable', retryable: false, cause: options.cause })
  }
}

/**
 * A failure without its operator-only fields. The message of a `handler-error` is replaced, because an older worker may
 * have stored the text of an internal error in it.
 */
export function publicFailure({ code, message, retryable, detail }: Failure): Failure {
  const shown = { code, message: code === 'handler-error' ? `${errorTitles[code]}.` : message, retryable }
  return detail === undefined ? shown : { ...shown, detail }
}

export const leaseLost: Failure = {
  code: 'lease-lost',
  message: 'The worker stopped responding before the job finished.',
  retryable: true,
}

/**
 * A failure on this side of a webhook: the job is released for `wait` milliseconds and keeps its attempt. `message` is
 * for operators.
 */
export class PostponedError extends Error {
  override readonly name = 'PostponedError'
  readonly wait: number

  /** Without a `cause` it is part of normal operation, and not logged. */
  constructor(message: string, wait: number, cause?: unknown) {
    super(message, { cause })
    this.wait = wait
  }
}

/** A failed webhook delivery. `waitAtLeast` is the wait that the receiver requested, in milliseconds. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  readonly code: 'webhook-refused' | 'webhook-unreachable'
  readonly retryable: boolean
  readonly waitAtLeast: number
  readonly answer: NonNullable<Failure['detail']>

  constructor(
    code: DeliveryError['code'],
    message: string,
    about: { answer: DeliveryError['answer']; retryable?: boolean; waitAtLeast?: number; cause?: unknown },
  ) {
    super(message, { cause: about.cause })
    this.code = code
    this.answer = about.answer
    this.retryable = about.retryable ?? true
    this.waitAtLeast = about.waitAtLeast ?? 0
  }
}
