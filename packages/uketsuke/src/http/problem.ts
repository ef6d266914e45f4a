import type { Log } from '../base/log.ts'
import { describe, isA } from '../base/thrown.ts'
import { type ErrorCode, errorTitles, UketsukeError } from '../domain/errors.ts'
import { QuotaExceeded } from '../domain/quota.ts'
import type { HttpResponse } from './response.ts'

/** The error codes that clients can get, with their HTTP status. Any other error is an internal error: 500 without details. */
export const statuses = {
  'invalid-json': 400,
  'invalid-query': 400,
  'invalid-idempotency-key': 400,
  unauthorized: 401,
  forbidden: 403,
  'job-not-found': 404,
  'not-found': 404,
  'job-expired': 410,
  'method-not-allowed': 405,
  'not-acceptable': 406,
  'idempotency-in-progress': 409,
  'job-not-finished': 409,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'validation-error': 422,
  'unknown-job-type': 422,
  'webhook-url-forbidden': 422,
  'idempotency-key-reused': 422,
  'quota-exceeded': 429,
  'internal-error': 500,
  'temporarily-unavailable': 503,
} as const satisfies Partial<Record<ErrorCode, number>>

export type ProblemCode = keyof typeof statuses

/** `Retry-After` in seconds for errors that do not specify it. */
const defaultRetryAfter: Partial<Record<ProblemCode, number>> = {
  'idempotency-in-progress': 1,
  'quota-exceeded': 1,
  'temporarily-unavailable': 5,
}

/** A URN is absolute, as RFC 9457 recommends, and does not depend on a host name. */
export const problemType = (code: string) => `urn:uketsuke:problem:${code}`

/** Converts a thrown value to an error for clients. Internal details go to the log only. */
export function toUketsukeError(thrown: unknown, log: Log, where: string): UketsukeError & { code: ProblemCode } {
  if (isA(thrown, UketsukeError)) {
    // The cause is for operators, not for clients.
    if (thrown.code === 'temporarily-unavailable' && thrown.cause)
      log.warn({ err: describe(thrown.cause), where }, thrown.message)
    if (isProblem(thrown)) return thrown
    if (thrown.code === 'store-unusable') {
      log.error({ err: describe(thrown), where }, 'store unusable')
      return new UketsukeError('temporarily-unavailable') as UketsukeError & { code: ProblemCode }
    }
  }
  // A programming error in the server. Its author sees this response first, and the message contains no internal details.
  if (thrown instanceof UketsukeError && thrown.code === 'invalid-configuration') {
    log.error({ err: describe(thrown), where }, thrown.message)
    return new UketsukeError('internal-error', thrown.message) as UketsukeError & { code: ProblemCode }
  }
  // `where` is the method and the path only: a query string can contain a ticket. `describe` omits the properties of an error, which may
  // contain the credential that authenticate got.
  log.error({ err: describe(thrown), where }, 'request failed')
  return new UketsukeError('internal-error') as UketsukeError & { code: ProblemCode }
}

const isProblem = (error: UketsukeError): error is UketsukeError & { code: ProblemCode } =>
  Object.hasOwn(statuses, error.code)

/** RFC 9457. */
export function problem(error: UketsukeError & { code: ProblemCode }): HttpResponse {
  const { code } = error
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' }
  if (code === 'unauthorized') headers['WWW-Authenticate'] = 'Bearer'
  const { retryAfter } = error
  const wait = Number.isFinite(retryAfter) ? retryAfter : defaultRetryAfter[code]
  if (wait !== undefined) headers['Retry-After'] = String(Math.max(1, Math.ceil(wait)))
  if (error instanceof QuotaExceeded) {
    error.describe({
      set: (name, value) => {
        headers[name] = value
      },
    })
  }
  return {
    status: statuses[code],
    headers,
    body: JSON.stringify({
      type: problemType(code),
      title: errorTitles[code],
      status: statuses[code],
      // The same bytes for a malformed id, an unknown id and another owner's id.
      detail: code === 'job-not-found' ? `${errorTitles[code]}.` : error.message,
      ...(error.outcome !== undefined && { outcome: error.outcome, jobId: error.jobId }),
      ...(statuses[code] === 422 && error.errors !== undefined && { errors: error.errors }),
    }),
  }
}
