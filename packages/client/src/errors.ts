import type { CancelledJob, FailedJob } from './job.ts'

/** One invalid part of a request. `pointer` is a JSON Pointer (RFC 6901) into the body; `detail` is a sentence for people. */
export interface Violation {
  readonly pointer: string
  readonly detail: string
}

interface RequestFailure {
  status?: number | undefined
  retryAfter?: number | undefined
  errors?: readonly Violation[] | undefined
  cause?: unknown
}

/** The server rejected a request, or could not be reached. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  /** The HTTP status; 0 if there was no response. */
  readonly status: number
  /** The code of the problem, such as `validation-error`; `network-error` or `unexpected-response` if the server sent none. */
  readonly code: string
  /** With the code `validation-error`: every invalid part of the request. */
  readonly errors: readonly Violation[]
  /** Seconds to wait before another request, if the server named them. */
  readonly retryAfter: number | undefined

  constructor(code: string, message: string, { status = 0, retryAfter, errors = [], cause }: RequestFailure = {}) {
    super(message, { cause })
    this.status = status
    this.code = code
    this.errors = errors
    this.retryAfter = retryAfter
  }
}

/** The job failed for good. `job.error` says why. */
export class JobFailedError<Type extends string = string> extends Error {
  override readonly name = 'JobFailedError'
  /** The code of `job.error`, such as `timeout`. */
  readonly code: string
  readonly job: FailedJob<Type>

  constructor(job: FailedJob<Type>) {
    super(job.error.message)
    this.code = job.error.code
    this.job = job
  }
}

/** The job was cancelled. */
export class JobCancelledError<Type extends string = string> extends Error {
  override readonly name = 'JobCancelledError'
  readonly job: CancelledJob<Type>

  constructor(job: CancelledJob<Type>) {
    super(job.error.message)
    this.job = job
  }
}
