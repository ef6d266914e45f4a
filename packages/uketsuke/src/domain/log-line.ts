/** A line that a handler logged with `log`. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  at: number
  attempt: number
  level: 'info' | 'warn' | 'error'
  message: string
  /** What was logged with it. `{ omitted: true }` if it was too long. */
  fields?: Record<string, unknown>
}

/** A job keeps about so many characters of log lines; later lines are only logged. */
export const longestLog = 65_536

/** Reads the lines of a job. A damaged line is skipped. */
export function logLines(value: string): LogLine[] {
  return value.split('\n').flatMap((text) => {
    if (text === '') return []
    try {
      return [JSON.parse(text) as LogLine]
    } catch {
      return []
    }
  })
}
