import { describe, isA, text } from '../base/thrown.ts'
import { DeliveryError, errorTitles, type Failure, JobError, UketsukeError } from '../domain/errors.ts'
import { truncate } from '../domain/text.ts'

/** A handler's error as it is stored: a code and a sentence for clients, and the original error for operators. */
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

/** Clients see only the messages of errors that are made for them. Any other message may contain an address, a path or a password. */
function forClients(thrown: unknown): Failure {
  if (isA(thrown, JobError)) {
    const code = truncate(text(thrown, 'code') || 'job-error')
    return { code, message: truncate(text(thrown, 'message')) || titleOf(code), retryable: isRetryable(thrown) }
  }
  if (isA(thrown, UketsukeError)) {
    const code = text(thrown, 'code')
    // The argument of progress() is quoted for operators only.
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

/** Errors that this package raises about an attempt. Another attempt would fail in the same way. */
const final = new Set<string>([
  'corrupt',
  'invalid-input',
  'invalid-output',
  'invalid-progress',
  'invalid-step',
  'invalid-question',
  'not-answered',
  'output-too-long',
  'invalid-file',
])
