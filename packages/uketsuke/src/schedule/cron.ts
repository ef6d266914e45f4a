import { Cron } from 'croner'
import { UketsukeError } from '../domain/errors.ts'
import type { Times } from '../domain/schedule.ts'

/**
 * The times of a cron expression with five fields, or six with seconds, in a time zone of the IANA database. A local time that a clock
 * change skips comes at the next valid one, and one that occurs twice comes once. An expression with `*` in its hours or minutes means an
 * interval, which a clock change does not interrupt.
 * @throws {UketsukeError} `validation-error`
 */
export function cronTimes(expression: string, timezone: string): Times {
  const key = `${timezone} ${expression}`
  const found = parsed.get(key)
  if (found) return found
  const cron = parse(expression, timezone)
  const times: Times = {
    next: (after) => cron.nextRun(new Date(after))?.getTime() ?? null,
    previous: (before) => cron.previousRuns(1, new Date(before))[0]?.getTime() ?? null,
  }
  if (parsed.size >= mostParsed) parsed.clear()
  parsed.set(key, times)
  return times
}

/** Parsing takes longer than asking, and a worker asks again at each time of a schedule. */
const parsed = new Map<string, Times>()
const mostParsed = 1_000

function parse(expression: string, timezone: string): Cron {
  if (!isTimezone(timezone)) invalid('/timezone', 'Must be a time zone of the IANA database, such as Europe/Berlin.')
  // `?` stands for the time at which the expression is read, which differs between processes.
  if (expression.includes('?')) invalid('/cron', '? is not supported: use *.')
  try {
    return new Cron(expression, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
  } catch (error) {
    return invalid('/cron', (error as Error).message.replace(/^CronPattern: /, ''))
  }
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '' && /^[A-Za-z]/.test(name)
  } catch {
    return false
  }
}

function invalid(pointer: string, detail: string): never {
  throw new UketsukeError('validation-error', `The schedule is invalid: ${detail}`, { errors: [{ pointer, detail }] })
}
