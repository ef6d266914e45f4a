import { pino } from 'pino'
import { terminalLines } from './terminal-log.ts'
import { describe, isThenable } from './thrown.ts'

/** The part of pino's `Logger` that this package uses. Any logger with these four methods works. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger that adds `fields` to each of its lines. */
  child(fields: Record<string, unknown>): Log
}

/** Where lines of the log go. */
interface Output {
  readonly fd: 1 | 2
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** pino at level `info`: JSON lines on standard output, or text if that is a terminal. */
export const defaultLog = (out: Output = process.stdout): Log => {
  const text = out.isTTY ? terminalLines(out, process.env.NO_COLOR === undefined || process.env.NO_COLOR === '') : null
  return pino({ name: 'uketsuke' }, text ?? pino.destination(out.fd))
}

/** A logger that discards everything. */
export const silentLog: Log = { info() {}, warn() {}, error() {}, child: () => silentLog }

type Level = 'info' | 'warn' | 'error'

/**
 * Wraps a user's logger so that it never throws and never causes an unhandled rejection. If the logger has no `child`,
 * like `console`, the fields of a child are added to each of its lines.
 */
export function guardLog(log: Log): Log {
  return safe(log, {}, { reported: false })
}

function safe(log: Log, bound: Record<string, unknown>, complaint: { reported: boolean }): Log {
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

/** Null if the logger has no `child`, or if `child` throws or does not return a logger. */
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
  complaint: { reported: boolean },
): void {
  const failed = (error: unknown) => complain(error, complaint)
  const say = (line: object) => {
    const given: unknown = log[level](line, message)
    if (isThenable(given)) given.then(undefined, failed)
  }
  try {
    say({ ...bound, ...fields })
  } catch {
    // Reading a property of a foreign error can throw inside the logger. Try again with a plain description of the
    // error.
    try {
      say({ ...bound, ...fields, ...('err' in fields && { err: describe(fields.err) }) })
    } catch (error) {
      failed(error)
    }
  }
}

/** Warns once: a failing logger is likely to fail for every line. */
function complain(error: unknown, complaint: { reported: boolean }): void {
  if (complaint.reported) return
  complaint.reported = true
  process.emitWarning(`The logger passed to createJobs() failed; log lines are lost: ${describe(error).message}`)
}
