import { pino } from 'pino'
import { describe, isThenable } from './thrown.ts'

/** The part of pino's logger that this package uses; any logger with these four will do. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  child(fields: Record<string, unknown>): Log
}

/** JSON lines on standard output, at level `info`. */
export const defaultLog = (): Log => pino({ name: 'uketsuke' })

/** For those who want no lines at all. */
export const silentLog: Log = { info() {}, warn() {}, error() {}, child: () => silentLog }

type Level = 'info' | 'warn' | 'error'

/**
 * A user's logger, made safe to call from anywhere: it never throws and never rejects, whatever the logger or what it is given does.
 * Where the logger has no `child` of its own, as `console` has none, the fields of a child stand in each of its lines.
 */
export function guardLog(log: Log): Log {
  return safe(log, {}, { told: false })
}

function safe(log: Log, bound: Record<string, unknown>, complaint: { told: boolean }): Log {
  const level = (name: Level) => (fields: object, message: string) =>
    write(log, name, bound, fields, message, complaint)
  return {
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
    child(fields) {
      const own = childOf(log, fields)
      return own === null ? safe(log, { ...bound, ...fields }, complaint) : safe(own, bound, complaint)
    },
  }
}

/** Null where the logger has no `child`, where that throws, or where what it gives is no logger. */
function childOf(log: Log, fields: Record<string, unknown>): Log | null {
  try {
    const child: Partial<Log> | null | undefined = log.child(fields)
    return typeof child?.info === 'function' && typeof child.warn === 'function' && typeof child.error === 'function'
      ? (child as Log)
      : null
  } catch {
    return null
  }
}

function write(
  log: Log,
  level: Level,
  bound: object,
  fields: object,
  message: string,
  complaint: { told: boolean },
): void {
  const failed = (error: unknown) => complain(error, complaint)
  const say = (line: object) => {
    const given: unknown = log[level](line, message)
    if (isThenable(given)) given.then(undefined, failed)
  }
  try {
    say({ ...bound, ...fields })
  } catch {
    // A logger reads the error that it is given, and errors are foreign objects: once more with what can be read of it.
    try {
      say({ ...bound, ...fields, ...('err' in fields && { err: describe(fields.err) }) })
    } catch (error) {
      failed(error)
    }
  }
}

/** Once: a logger that fails would most likely fail at every line. */
function complain(error: unknown, complaint: { told: boolean }): void {
  if (complaint.told) return
  complaint.told = true
  process.emitWarning(`The log given to createJobs() fails, so that lines are lost: ${describe(error).message}`)
}
