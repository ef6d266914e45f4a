import { UketsukeError } from '../domain/errors.ts'
import { truncate } from '../domain/text.ts'

/** What was thrown, as operators see it. A thrown object may hold credentials in its members: only these texts are taken from it. */
export interface Thrown {
  readonly type: string
  readonly message: string
  readonly code?: string
  /** With the stacks of its causes. */
  readonly stack: string
}

const most = 8_000
const deepest = 5

/** Never throws, whatever `thrown` is: a getter may throw, a proxy may be revoked. */
export function describe(thrown: unknown): Thrown {
  const code = text(thrown, 'code')
  // Without a prototype: pino would write the name of its class for the type.
  const about = {
    __proto__: null,
    type: text(thrown, 'name') || typeof thrown,
    message: truncate(text(thrown, 'message') || plainText(thrown)),
    stack: truncate(story(thrown, 0, new Set()), most),
  } as Thrown
  return code === '' ? about : Object.assign(about, { code: truncate(code) })
}

/** The stack, then those of the causes, and of the errors that an `AggregateError` gathers. */
function story(thrown: unknown, depth: number, seen: Set<unknown>): string {
  if (depth >= deepest || seen.has(thrown)) return ''
  seen.add(thrown)
  const more = [member(thrown, 'cause'), ...list(member(thrown, 'errors'))].filter((one) => one != null)
  const causes = more.map((cause) => story(cause, depth + 1, seen)).filter((one) => one !== '')
  return [own(thrown), ...causes.map((cause) => `caused by: ${cause}`)].join('\n')
}

function own(thrown: unknown): string {
  const message = text(thrown, 'message') || plainText(thrown)
  const heading = `${text(thrown, 'name') || typeof thrown}: ${message}`.slice(0, most)
  const stack = text(thrown, 'stack').slice(0, most)
  // A stack is made with its error: the message may have been set afterwards.
  return stack.includes(message.slice(0, most / 2)) ? stack : [heading, stack].filter((one) => one !== '').join('\n')
}

/** A value of any kind as text: what an object says of itself may throw. */
export function plainText(thrown: unknown): string {
  const isObject = (typeof thrown === 'object' && thrown !== null) || typeof thrown === 'function'
  return isObject ? 'an object that is no Error' : String(thrown)
}

function list(value: unknown): unknown[] {
  try {
    return Array.isArray(value) ? value.slice(0, 10) : []
  } catch {
    return []
  }
}

/** Of what may be a promise: where it is none, nothing is waited for. What cannot be asked is none. */
export function isThenable<T>(given: T | PromiseLike<T>): given is PromiseLike<T> {
  return typeof member(given, 'then') === 'function' && typeof given !== 'function'
}

/** A member that is text or a number, as text; else ''. */
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

/** `instanceof` asks a proxy for its prototype, and one that is revoked throws. */
export function isA<T>(thrown: unknown, kind: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof kind
  } catch {
    return false
  }
}

/** A store that cannot be used now: the same may work later. */
export const isPassing = (thrown: unknown): boolean =>
  isA(thrown, UketsukeError) && text(thrown, 'code') === 'temporarily-unavailable'
