/** A line that a handler logged with `log`. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  at: number
  attempt: number
  /** The number of the line in its attempt, counted from 1. */
  number?: number
  level: 'info' | 'warn' | 'error'
  message: string
  /** What was logged with it. `{ omitted: true }` if it was too long. */
  fields?: Record<string, unknown>
}

/** A job keeps the last of its log lines: so many characters, and so many lines. */
export const longestLog = 256 << 10
export const mostLines = 1_000

/** Reads the lines of a job. A damaged line is skipped, such as the first, of which only the end was kept. */
export function logLines(value: string): LogLine[] {
  const lines = value.split('\n').flatMap((text) => {
    if (!text.startsWith('{')) return []
    try {
      return [JSON.parse(text) as LogLine]
    } catch {
      return []
    }
  })
  return lines.slice(-mostLines)
}

/** How many lines of the first attempt that has any came before the first line that was kept. */
export const droppedLines = ([first]: readonly LogLine[]): number => (first?.number ?? 1) - 1
