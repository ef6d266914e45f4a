import { describe, isA, text } from '../base/thrown.ts'
import { DeliveryError, errorTitles, type Failure, JobError, UketsukeError } from '../domain/errors.ts'
import { truncate } from '../domain/text.ts'

/** Whatever a handler threw, as it is stored: a code and a sentence for clients, and for operators what was thrown. */
export function failureOf(thrown: unknown): Failure {
  if (isA(thrown, DeliveryError)) {
    const { code, message, retryable, answer: detail, cause } = thrown
    return {
      code,
      message: truncate(message),
      retryable,
      detail,
      ...(cause !== undefined && { thrown: describe(cause).stack }),
    }
  }
  return { ...forClients(thrown), thrown: describe(thrown).stack }
}

/** Only errors that were made for clients speak to them. Any other message may hold an address, a path or a password. */
function forClients(thrown: unknown): Failure {
  if (isA(thrown, JobError)) {
    const code = truncate(text(thrown, 'code') || 'job-error')
    return { code, message: truncate(text(thrown, 'message')) || titleOf(code), retryable: isRetryable(thrown) }
  }
  if (isA(thrown, UketsukeError)) {
    const code = text(thrown, 'code')
    // What a handler gave to progress() is quoted for operators only.
    const told = final.has(code) && code !== 'invalid-progress'
    const message = told ? truncate(text(thrown, 'message')) : titleOf(code)
    if (Object.hasOwn(errorTitles, code)) return { code, message, retryable: !final.has(code) }
  }
  return { code: 'handler-error', message: titleOf('handler-error'), retryable: true }
}

const titleOf = (code: string): string =>
  `${Object.hasOwn(errorTitles, code) ? errorTitles[code as keyof typeof errorTitles] : errorTitles['job-error']}.`

function isRetryable(thrown: JobError): boolean {
  try {
    return thrown.retryable !== false
  } catch {
    return true
  }
}

/** What this package says of an attempt itself. The same handler would do the same again. */
const final = new Set<string>(['corrupt', 'invalid-input', 'invalid-output', 'invalid-progress'])
