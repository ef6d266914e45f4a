import type { InputOf, JobTypes } from '../definition/define.ts'
import { UketsukeError, type Violation } from '../domain/errors.ts'
import { checkOwner, isTypeName } from '../domain/identifiers.ts'
import { type Missed, missedPolicies, type Schedule, type ScheduleDefinition, type Times } from '../domain/schedule.ts'
import { isoOrNull, isoTime } from '../domain/view.ts'
import { cronTimes } from './cron.ts'

/** What a schedule creates, and when. */
export type ScheduleOptions<Types extends JobTypes> = {
  [N in keyof Types & string]: {
    /** The type of its jobs. */
    type: N
    /** The input of its jobs. */
    input: InputOf<Types[N]>
    /** A cron expression with five fields, or six with seconds first: `0 2 * * *` is two in the morning. */
    cron: string
    /** A time zone of the IANA database. Default: `UTC`. */
    timezone?: string
    /** The owner of its jobs. Default: `system`. */
    owner?: string
    /**
     * What happens to times that pass while no worker runs: `skip` creates no job, `latest` one for the last of them, `all` one for each.
     * Default: `latest`.
     */
    missed?: Missed
  }
}[keyof Types & string]

/** A schedule as operators see it. Times are ISO 8601 in UTC. */
export interface ScheduleView {
  name: string
  type: string
  input: unknown
  cron: string
  timezone: string
  owner: string
  missed: Missed
  /** Whether it is declared in `createJobs({ schedules })`, or was made by `schedules.set`. */
  declared: boolean
  paused: boolean
  /** The next five times; none while it is paused. */
  next: string[]
  /** The last time for which it has created a job. */
  lastRunAt: string | null
  lastJobId: string | null
}

/**
 * Checks everything but the input, which the type checks.
 * @throws {UketsukeError} `validation-error`, `invalid-owner`
 */
export function definitionOf(name: string, options: object, declared: boolean): ScheduleDefinition {
  const {
    type,
    input,
    cron,
    timezone = 'UTC',
    owner = 'system',
    missed = 'latest',
  } = options as Record<string, unknown>
  const errors: Violation[] = []
  const must = (fine: boolean, pointer: string, detail: string) => void (fine || errors.push({ pointer, detail }))
  must(isTypeName(name), '', 'The name of a schedule must be 1 to 128 characters from A-Z a-z 0-9 _ . : -')
  must(isTypeName(type), '/type', 'Must be the name of a job type.')
  must(typeof cron === 'string', '/cron', 'Must be a cron expression.')
  must(typeof timezone === 'string', '/timezone', 'Must be a time zone of the IANA database, such as Europe/Berlin.')
  must(
    missedPolicies.some((one) => one === missed),
    '/missed',
    `Must be one of ${missedPolicies.join(', ')}.`,
  )
  if (errors.length > 0)
    throw new UketsukeError('validation-error', `The schedule ${JSON.stringify(name)} is invalid.`, { errors })
  checkOwner(owner)
  const definition = { type, input: input ?? null, cron, timezone, owner, missed, declared } as ScheduleDefinition
  if (timesOf(definition).next(0) === null) {
    const detail = 'This expression never comes true, such as 30 February.'
    throw new UketsukeError('validation-error', detail, { errors: [{ pointer: '/cron', detail }] })
  }
  return definition
}

export const timesOf = ({ cron, timezone }: Pick<Schedule, 'cron' | 'timezone'>): Times => cronTimes(cron, timezone)

const shown = 5

export function viewOf(name: string, schedule: Schedule, now: number): ScheduleView {
  const { after: _, runRequestedAt: __, lastRunAt, ...rest } = schedule
  return { name, ...rest, next: schedule.paused ? [] : nextOf(schedule, now), lastRunAt: isoOrNull(lastRunAt) }
}

function nextOf(schedule: Schedule, now: number): string[] {
  const next: string[] = []
  try {
    const times = timesOf(schedule)
    for (let at = times.next(now); at !== null && next.length < shown; at = times.next(at)) next.push(isoTime(at))
  } catch {
    // Another version of Node.js may know more time zones. One such schedule must not hide all others.
  }
  return next
}
