/** What happens to the times of a schedule that pass while no worker runs: nothing, one job for the last of them, or one for each. */
export type Missed = 'skip' | 'latest' | 'all'

export const missedPolicies = ['skip', 'latest', 'all'] as const satisfies Missed[]

/** What a schedule creates, and when. */
export interface ScheduleDefinition {
  readonly type: string
  readonly input: unknown
  readonly cron: string
  readonly timezone: string
  readonly owner: string
  readonly missed: Missed
  /** Whether it is declared in code, or was made at run time. */
  readonly declared: boolean
}

/** A schedule as it is stored. Times are in milliseconds since the epoch. */
export interface Schedule extends ScheduleDefinition {
  readonly paused: boolean
  /** Times up to this one are done. */
  readonly after: number
  readonly lastRunAt: number | null
  readonly lastJobId: string | null
  /** When an operator asked for a job now, until a worker has created it. */
  readonly runRequestedAt: number | null
}

/** A new or changed definition begins anew from now on. Null if it is the stored one. */
export function define(stored: Schedule | null, asked: ScheduleDefinition, now: number): Schedule | null {
  if (stored === null) {
    return { ...asked, paused: false, after: now, lastRunAt: null, lastJobId: null, runRequestedAt: null }
  }
  return definition(stored) === definition(asked) ? null : { ...stored, ...asked, after: now }
}

const definition = ({ type, input, cron, timezone, owner, missed, declared }: ScheduleDefinition) =>
  JSON.stringify([type, input, cron, timezone, owner, missed, declared])

export const pause = (schedule: Schedule): Schedule | null => (schedule.paused ? null : { ...schedule, paused: true })

/** Times that passed during the pause are done. */
export const resume = (schedule: Schedule, now: number): Schedule | null =>
  schedule.paused ? { ...schedule, paused: false, after: now } : null

/** The time `at` is done, with a job or without one. Null if it was done before, or lies before a new beginning. */
export function ran(schedule: Schedule, at: number, jobId: string | null): Schedule | null {
  if (schedule.after >= at) return null
  return { ...schedule, after: at, lastRunAt: at, lastJobId: jobId ?? schedule.lastJobId }
}

/** An operator asks for a job now, besides the times of the schedule. */
export const requestRun = (schedule: Schedule, now: number): Schedule => ({ ...schedule, runRequestedAt: now })

/** The job that was asked for at `requestedAt` exists. Null if there is a newer request. */
export const requestedRunDone = (schedule: Schedule, requestedAt: number): Schedule | null =>
  schedule.runRequestedAt === requestedAt ? { ...schedule, runRequestedAt: null } : null

/** When a schedule is due, in milliseconds since the epoch. */
export interface Times {
  /** The first time after this one; null if there is none. */
  next(after: number): number | null
  /** The last time before this one; null if there is none. */
  previous(before: number): number | null
}

/** A time that is no older than this, in milliseconds, was not missed: the workers are only a little late. */
export const graceMs = 60_000
/** The most times that become jobs in one turn. The next turn goes on. */
const mostAtOnce = 100

/** The times after `after`, up to `now`, for which jobs are to be created, oldest first. */
export function due(times: Times, after: number, now: number, missed: Missed): number[] {
  const lateUntil = now - graceMs
  if (missed === 'all' || after >= lateUntil) return between(times, after, now)
  const punctual = between(times, lateUntil, now)
  if (missed === 'skip' || punctual.length > 0) return punctual
  const last = times.previous(lateUntil + 1)
  return last !== null && last > after ? [last] : []
}

function between({ next }: Times, after: number, until: number): number[] {
  const found: number[] = []
  for (let at = next(after); at !== null && at <= until && found.length < mostAtOnce; at = next(at)) found.push(at)
  return found
}
