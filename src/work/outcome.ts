import { DeliveryError, type Failure, UketsukeError, UnrecoverableError } from '../domain/errors.ts'
import { tidy } from '../domain/text.ts'

/** A handler's return as JSON text. @throws `invalid-output` where JSON cannot hold it. */
export function serialise(output: unknown): string {
  try {
    const text = JSON.stringify(output ?? null)
    if (text !== undefined) return text
  } catch (error) {
    throw new UketsukeError('invalid-output', `The handler returned what JSON cannot hold: ${messageOf(error)}`)
  }
  throw new UketsukeError('invalid-output', `The handler returned a ${typeof output}, which JSON cannot hold.`)
}

/** Whatever a handler threw, as clients may see it: a code, a sentence, never a stack trace. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof UnrecoverableError) {
    return { code: tidy(thrown.code), message: messageOf(thrown), retryable: false }
  }
  if (thrown instanceof DeliveryError) {
    return { code: thrown.code, message: messageOf(thrown), retryable: thrown.retryable, detail: thrown.answer }
  }
  if (thrown instanceof UketsukeError) {
    return { code: thrown.code, message: messageOf(thrown), retryable: !final.has(thrown.code) }
  }
  return { code: 'handler-error', message: messageOf(thrown), retryable: true }
}

/** The same handler would do the same again. */
const final = new Set<string>(['corrupt', 'invalid-input', 'invalid-output', 'invalid-progress'])

function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return tidy(thrown.message || thrown.name)
  try {
    return tidy(typeof thrown === 'string' ? thrown : `The handler threw ${JSON.stringify(thrown) ?? String(thrown)}.`)
  } catch {
    return 'The handler threw what cannot be shown.'
  }
}
