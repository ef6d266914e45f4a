/** What happens to the times of a schedule that pass while no worker runs: nothing, one job for the last of them, or one for each. */
export type Missed = 'skip' | 'latest' | 'all'

export const missedPolicies = ['skip', 'latest', 'all'] as const satisfies Missed[]

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
