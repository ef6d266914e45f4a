import { UketsukeError } from '../domain/errors.ts'
import { truncate } from '../domain/text.ts'

/** A thrown value as operators see it. Only these texts are copied, without credentials: other properties may hold some. */
export interface Thrown {
  readonly type: string
  readonly message: string
  readonly code?: string
  /** Includes the stacks of the causes. */
  readonly stack: string
}

const maxLength = 8_000
const maxDepth = 5

/** Never throws, even if `thrown` has a throwing getter or is a revoked proxy. */
export function describe(thrown: unknown): Thrown {
  const code = text(thrown, 'code')
  // No prototype: otherwise pino would log the name of its class as the type.
  const about = {
    __proto__: null,
    type: text(thrown, 'name') || typeof thrown,
    message: truncate(redacted(text(thrown, 'message') || plainText(thrown))),
    stack: truncate(redacted(stackWithCauses(thrown, 0, new Set())), maxLength),
  } as Thrown
  return code === '' ? about : Object.assign(about, { code: truncate(code) })
}

/** Credentials that drivers and HTTP clients put into their messages. */
function redacted(text: string): string {
  return text
    .replace(/(:\/\/[^/\s:@]*:)[^/\s@]+@/g, '$1***@')
    .replace(/\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi, '$1 ***')
    .replace(/\b(whsec_|uk_)[\w+/=]{16,}/g, '$1***')
}

/** The stack, followed by those of its causes and of the errors in an `AggregateError`. */
function stackWithCauses(thrown: unknown, depth: number, seen: Set<unknown>): string {
  if (depth >= maxDepth || seen.has(thrown)) return ''
  seen.add(thrown)
  const more = [member(thrown, 'cause'), ...list(member(thrown, 'errors'))].filter((one) => one != null)
  const causes = more.map((cause) => stackWithCauses(cause, depth + 1, seen)).filter((one) => one !== '')
  return [ownStack(thrown), ...causes.map((cause) => `caused by: ${cause}`)].join('\n')
}

function ownStack(thrown: unknown): string {
  const message = text(thrown, 'message') || plainText(thrown)
  const heading = `${text(thrown, 'name') || typeof thrown}: ${message}`.slice(0, maxLength)
  const stack = text(thrown, 'stack').slice(0, maxLength)
  // The stack is captured at construction; the message may have been set later.
  return stack.includes(message.slice(0, maxLength / 2))
    ? stack
    : [heading, stack].filter((one) => one !== '').join('\n')
}

/** Any value as text. Objects are not converted, because their `toString` may throw. */
export function plainText(thrown: unknown): string {
  const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
  return isObject ? 'an object that is not an Error' : String(thrown)
}

function list(value: unknown): unknown[] {
  try {
    return Array.isArray(value) ? value.slice(0, 10) : []
  } catch {
    return []
  }
}

/** Whether a value must be awaited. Never throws; a value whose `then` cannot be read is not thenable. */
export function isThenable<T>(given: T | PromiseLike<T>): given is PromiseLike<T> {
  return typeof member(given, 'then') === 'function' && typeof given !== 'function'
}

/** A string or number property as text, else ''. */
export function text(of: unknown, name: string): string {
  const value = member(of, name)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

export function member(of: unknown, name: string): unknown {
  if ((typeof of !== 'object' && typeof of !== 'function') || of === null) return undefined
  try {
    return (of as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** `instanceof` that does not throw for a revoked proxy. */
export function isA<T>(thrown: unknown, kind: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof kind
  } catch {
    return false
  }
}

/** Whether the store is temporarily unavailable, so that the same call may succeed later. */
export const isPassing = (thrown: unknown): boolean =>
  isA(thrown, UketsukeError) && text(thrown, 'code') === 'temporarily-unavailable'
