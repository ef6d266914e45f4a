/** Every error that a user of this package can meet, and its title. HTTP statuses are `http/problem.ts`'s to add. */
export const errorTitles = {
  'invalid-json': 'The body is not valid JSON',
  'invalid-query': 'The query string is not valid',
  'invalid-idempotency-key': 'The Idempotency-Key is not valid',
  unauthorized: 'Who is calling is not known',
  forbidden: 'The credential lacks a scope',
  'job-not-found': 'There is no such job',
  'not-found': 'There is no such resource',
  'method-not-allowed': 'The method is not allowed here',
  'not-acceptable': 'No acceptable representation',
  'payload-too-large': 'The body is too large',
  'unsupported-media-type': 'The media type is not supported',
  'idempotency-in-progress': 'A request with this key is still under way',
  'job-not-finished': 'The job has not ended yet',
  'validation-error': 'The request is not valid',
  'unknown-job-type': 'There is no such job type',
  'webhook-url-forbidden': 'The webhook URL is not allowed',
  'idempotency-key-reused': 'The key was used with another payload',
  'quota-exceeded': 'Too many requests',
  'temporarily-unavailable': 'The service cannot accept this now',
  'internal-error': 'Something failed inside',
  // How an attempt can fail
  'handler-error': 'The job failed because of an error on the server',
  'job-error': 'The job failed',
  unrecoverable: 'The handler gave up for good',
  timeout: 'The attempt took too long',
  cancelled: 'The job was cancelled',
  'lease-lost': 'The worker stopped answering',
  'invalid-input': 'The stored input no longer fits its schema',
  'input-unreadable': 'No worker could read the input',
  corrupt: 'What was stored of the job cannot be read',
  'invalid-output': 'The handler returned what JSON cannot hold',
  'outcome-rejected': 'The outcome of the job could not be stored',
  'invalid-progress': 'The progress is not a number from 0 to 100',
  'webhook-refused': 'The receiver did not answer 2xx',
  'webhook-unreachable': 'The receiver could not be reached',
  closed: 'The jobs have been closed',
  // What stops a program from starting
  'invalid-configuration': 'The configuration is not valid',
  'store-unusable': 'The store cannot be used',
  'invalid-owner': 'The owner is not valid',
} as const

export type ErrorCode = keyof typeof errorTitles

/** Why an attempt or a job failed. Code and message are for clients: never a stack trace. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  /** For operators: what was thrown, with its stack and causes. `attempts` gives it where all owners are asked for, nothing else does. */
  readonly thrown?: string
  /** Of an input that no worker could read yet: when the first could not. */
  readonly since?: number
  /** Of a webhook delivery: what the receiver answered. Never set on a user's job. */
  readonly detail?: { readonly status?: number; readonly body?: string; readonly ms: number }
}

/** One place in a request that is wrong. `pointer` is a JSON Pointer (RFC 6901) into the body. */
export interface Violation {
  readonly pointer: string
  readonly detail: string
}

interface More {
  cause?: unknown
  errors?: readonly Violation[]
  /** Seconds after which it is worth trying again. */
  retryAfter?: number
  /** Whether what was asked for has been done is not known: it may have been stored, or may still be. */
  outcome?: 'unknown' | undefined
  /** Of an unknown outcome: the job to ask for. */
  jobId?: string | undefined
}

/** Every error that this package throws has a `code` from the catalogue. */
export class UketsukeError extends Error {
  override readonly name: string = 'UketsukeError'
  readonly code: ErrorCode
  readonly errors: readonly Violation[] | undefined
  readonly retryAfter: number | undefined
  /** Set where it is not known whether what was asked for has been done. Of all other errors: it has not. */
  readonly outcome: 'unknown' | undefined
  /** Of an accept whose outcome is unknown: the id under which the job stands if it was stored. */
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
 * Thrown by a handler for its clients: `message` and `code` become the job's error as they stand. Of any other error a client sees
 * neither. `cause` is for operators.
 */
export class JobError extends Error {
  override readonly name: string = 'JobError'
  readonly code: string
  /** False fails the job at once; true lets another attempt follow where one is left. */
  readonly retryable: boolean

  constructor(message: string, options: { code?: string; retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = options.code ?? 'job-error'
    this.retryable = options.retryable ?? true
  }
}

/** A `JobError` after which the job is not tried again: it cannot succeed. */
export class UnrecoverableError extends JobError {
  override readonly name = 'UnrecoverableError'

  constructor(message: string, options: { code?: string; cause?: unknown } = {}) {
    super(message, { code: options.code ?? 'unrecoverable', retryable: false, cause: options.cause })
  }
}

/** A failure without what is for operators alone. The message of an error that was not made for clients never leaves, whoever stored it. */
export function publicFailure({ code, message, retryable, detail }: Failure): Failure {
  const told = { code, message: code === 'handler-error' ? `${errorTitles[code]}.` : message, retryable }
  return detail === undefined ? told : { ...told, detail }
}

export const leaseLost: Failure = {
  code: 'lease-lost',
  message: 'The worker stopped answering before the job had ended.',
  retryable: true,
}

/** What failed is on this side: the job is given back without an attempt, for `wait` milliseconds. `message` is for operators. */
export class PostponedError extends Error {
  override readonly name = 'PostponedError'
  readonly wait: number

  /** Without a `cause` it is part of normal operation, and not logged. */
  constructor(message: string, wait: number, cause?: unknown) {
    super(message, { cause })
    this.wait = wait
  }
}

/** A webhook delivery that did not succeed. `waitAtLeast` is what the receiver asked for, in milliseconds. */
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
