import type { Log } from '../base/log.ts'
import { describe, isA } from '../base/thrown.ts'
import { type ErrorCode, errorTitles, UketsukeError } from '../domain/errors.ts'
import { QuotaExceeded } from './rate-limit.ts'
import type { HttpResponse } from './response.ts'

/** The codes a client can meet, and the status each is answered with. Any other error is ours, and a 500 that says nothing. */
export const statuses = {
  'invalid-json': 400,
  'invalid-query': 400,
  'invalid-idempotency-key': 400,
  unauthorized: 401,
  forbidden: 403,
  'job-not-found': 404,
  'not-found': 404,
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

/** Seconds to wait where the error itself does not say. */
const waits: Partial<Record<ProblemCode, number>> = {
  'idempotency-in-progress': 1,
  'quota-exceeded': 1,
  'temporarily-unavailable': 5,
}

/** A URN: absolute, as RFC 9457 wishes, without a host that somebody else may own. */
export const problemType = (code: string) => `urn:uketsuke:problem:${code}`

/** What a client is told about `thrown`; never anything of the inside, which goes to the log instead. */
export function toUketsukeError(thrown: unknown, log: Log, where: string): UketsukeError & { code: ProblemCode } {
  if (isA(thrown, UketsukeError)) {
    // "Not now" has a reason that the operator needs and the client must not see.
    if (thrown.code === 'temporarily-unavailable' && thrown.cause)
      log.warn({ err: describe(thrown.cause), where }, thrown.message)
    if (isProblem(thrown)) return thrown
    if (thrown.code === 'store-unusable') {
      log.error({ err: describe(thrown), where }, 'the store cannot be used')
      return new UketsukeError('temporarily-unavailable') as UketsukeError & { code: ProblemCode }
    }
  }
  // A mistake in the server's own program: its author reads the answer first, and the sentence names nothing of the inside.
  if (thrown instanceof UketsukeError && thrown.code === 'invalid-configuration') {
    log.error({ err: describe(thrown), where }, thrown.message)
    return new UketsukeError('internal-error', thrown.message) as UketsukeError & { code: ProblemCode }
  }
  // `where` is a method and a path: a query string can hold a ticket. What authenticate threw may hold the credential in its members.
  log.error({ err: describe(thrown), where }, 'a request failed inside')
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
  const wait = Number.isFinite(retryAfter) ? retryAfter : waits[code]
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
      // The same bytes for an id that is malformed, absent or another owner's.
      detail: code === 'job-not-found' ? `${errorTitles[code]}.` : error.message,
      ...(error.outcome !== undefined && { outcome: error.outcome, jobId: error.jobId }),
      ...(statuses[code] === 422 && error.errors !== undefined && { errors: error.errors }),
    }),
  }
}
