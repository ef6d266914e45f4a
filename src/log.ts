import { pino } from 'pino'

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
