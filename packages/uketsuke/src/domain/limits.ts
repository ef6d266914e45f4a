import { isTerminal, type Job } from './job.ts'

/** How many jobs of one key may run at the same time, and start within a period. */
export interface KeyLimits {
  readonly concurrency: number | null
  readonly rate: Rate | null
}

export interface Rate {
  readonly limit: number
  /** In milliseconds. */
  readonly per: number
}

/** No limits: those of a job type that had some when its jobs were accepted. */
export const unlimited: KeyLimits = { concurrency: null, rate: null }

/** The jobs of one key, as a store counts them. */
export interface KeyFacts {
  /** What the last admission left, as JSON text; null if nothing. */
  readonly state: string | null
  /** Admitted jobs that wait for a worker. */
  readonly ready: number
  /** Jobs that were ready until now, and are parked again because others come before them. */
  readonly withdrawn: number
  readonly running: number
}

/** How an admission goes. */
export interface Admission {
  /** How many jobs may be admitted. */
  readonly room: number
  /** What must be stored once `admitted` of them are: the new state, and when to look again even if nothing happens. */
  after(admitted: number): { state: string | null; again: number | null }
}

interface State {
  /** Jobs that were admitted and that no admission has seen start. */
  readonly unseen: number
  /** The starts within the last period, oldest first: a time, and how many. */
  readonly starts: readonly (readonly [at: number, count: number])[]
}

/** The most jobs that one admission admits. */
export const mostAdmitted = 500
/** How soon to look again for starts that must be seen, in milliseconds. */
const lookAgain = 250
/** Starts within this part of a period are stored as one, at the time of the last: the state stays small, and the limit holds. */
const grain = 1 / 100

/**
 * How many parked jobs of a key may become ready. An admitted job takes a place until its attempt ends, whether it runs or still waits for a
 * worker, so that the limit of concurrency holds without a counter. A start is dated when it is seen, which is never too early; until then
 * it counts as if it were now. So no period has more starts than the limit, however late the workers are.
 */
export function admission(
  { concurrency, rate }: KeyLimits,
  { state, ready, withdrawn, running }: KeyFacts,
  now: number,
): Admission {
  const places = concurrency === null ? mostAdmitted : concurrency - ready - running
  if (rate === null) {
    const room = within(places)
    return { room, after: (admitted) => ({ state: null, again: admitted === mostAdmitted ? now : null }) }
  }
  const starts = startsWithin(stateOf(state), ready + withdrawn, rate.per, now)
  const started = starts.reduce((sum, [, count]) => sum + count, 0)
  const room = within(Math.min(places, rate.limit - started - ready))
  return {
    room,
    after(admitted) {
      const unseen = ready + admitted
      if (unseen === 0 && starts.length === 0) return { state: null, again: null }
      // With room left, nothing waits: only to forget the starts.
      const until = (starts.at(admitted < room ? -1 : 0)?.[0] ?? now) + rate.per
      const again = unseen > 0 ? Math.min(until, now + lookAgain) : until
      return { state: JSON.stringify({ unseen, starts } satisfies State), again }
    },
  }
}

const within = (room: number): number => Math.max(0, Math.min(mostAdmitted, room))

/** Admitted jobs that wait no more have started, at the latest now. */
function startsWithin({ unseen, starts }: State, waiting: number, per: number, now: number): [number, number][] {
  const recent = starts.filter(([at]) => at > now - per).map(([at, count]): [number, number] => [at, count])
  const seen = Math.max(0, unseen - waiting)
  if (seen === 0) return recent
  const last = recent.at(-1)
  if (last !== undefined && last[0] > now - per * grain) recent.splice(-1, 1, [now, last[1] + seen])
  else recent.push([now, seen])
  return recent
}

function stateOf(text: string | null): State {
  const { unseen = 0, starts = [] } = JSON.parse(text ?? '{}') as Partial<State>
  return { unseen, starts }
}

type Place = Pick<Job, 'priority' | 'rank'>

/**
 * Whether the ready jobs of a key are parked again before an admission: the last of them comes after a parked one that is due. Otherwise
 * it would hold a place while it waits behind other jobs.
 */
export function mustYield(lastReady: Place | null, firstParked: Place | null): boolean {
  if (lastReady === null || firstParked === null) return false
  if (lastReady.priority !== firstParked.priority) return firstParked.priority === 'high'
  return (firstParked.rank ?? 0) < (lastReady.rank ?? 0)
}

/** When a key must be looked at because of a change of one of its jobs, as times. Zero: at once. */
export function markTimes(before: Job, after: Job): number[] {
  if (after.limitKey === null || after.status === 'running') return []
  const freed = before.status === 'running' || isTerminal(after) ? [0] : []
  return isTerminal(after) ? freed : [...freed, after.runAt]
}
