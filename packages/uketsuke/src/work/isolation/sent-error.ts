import { describe, isA, text } from '../../base/thrown.ts'
import { type ErrorCode, JobError, UketsukeError } from '../../domain/errors.ts'
import { Snoozed } from '../snooze.ts'
import type { SentError } from './messages.ts'

export function sentError(thrown: unknown): SentError {
  const brand = isA(thrown, JobError) ? 'JobError' : isA(thrown, UketsukeError) ? 'UketsukeError' : null
  const retryable = isA(thrown, JobError) ? thrown.retryable !== false : true
  // Clients see the message of such an error: it is sent as it is.
  const message = brand === null ? undefined : text(thrown, 'message')
  return {
    ...describe(thrown),
    ...(message !== undefined && { message }),
    brand: isA(thrown, Snoozed) ? 'Snoozed' : brand,
    retryable,
  }
}

export function receivedError({ brand, message, code, retryable, stack, type }: SentError): Error {
  if (brand === 'Snoozed') return new Snoozed()
  const error =
    brand === 'JobError'
      ? new JobError(message, { ...(code !== undefined && { code }), retryable })
      : brand === 'UketsukeError'
        ? new UketsukeError((code ?? 'internal-error') as ErrorCode, message)
        : Object.assign(new Error(message), { name: type })
  // The stack of where it was thrown.
  return Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
}
