import { type Clock, systemClock } from '../../base/clock.ts'
import type { Parameters } from './parameters.ts'

/** Interval between measurements of the database's clock, in milliseconds. */
const measureEvery = 10_000

/**
 * Time according to the database, so that the machines' clocks need not agree. A custom clock (`createJobs({ clock })`,
 * for example a manual clock in tests) takes precedence.
 */
export interface DatabaseTime {
  /** Now, as an SQL expression in milliseconds. */
  now(parameters: Parameters): string
  /**
   * The database's time as estimated by the last measurement, in milliseconds since the epoch. The rules use this time.
   */
  here(): number
  /** Whether it is time to measure again, at a time that `here` returned. */
  isStaleAt(here: number): boolean
  /**
   * Records a measurement: the database's time was `theirs`, in the response received now to a query sent at `sent`
   * (local clock).
   */
  measured(theirs: number, sent: number): void
  /** The rank up to which jobs are due now, as an SQL expression. */
  rank(parameters: Parameters): string
  /**
   * The rank of a row `new`, as an SQL expression. A row that is due by `here()` is due immediately, even if the
   * estimate is ahead.
   */
  rankOfNew(parameters: Parameters): string
}

export function time(clock: Clock): DatabaseTime {
  const own = clock !== systemClock
  let offset = 0
  let measuredAt = Number.NEGATIVE_INFINITY
  const here = () => clock.now() + offset
  const now = (parameters: Parameters) =>
    own
      ? `${parameters.add(clock.now())}::bigint`
      : // A subquery is evaluated once, not for each row.
        '(SELECT floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint)'
  const rank = (parameters: Parameters) => `(${now(parameters)} * 1000)`
  return {
    now,
    here,
    rank,
    isStaleAt: (here) => !own && Math.abs(here - offset - measuredAt) > measureEvery,
    measured(theirs, sent) {
      if (own) return
      const received = clock.now()
      measuredAt = received
      const found = Math.round(theirs - (sent + received) / 2)
      // Differences below half the round trip are within the measurement error: keep the offset, so that time advances
      // evenly.
      if (Math.abs(found - offset) > (received - sent) / 2 + 1) offset = found
    },
    rankOfNew(parameters) {
      const [theirs, ours] = [rank(parameters), parameters.add(here())]
      return `CASE WHEN new.run_at <= ${ours}::bigint THEN least(new.rank, ${theirs}) ELSE new.rank END`
    },
  }
}
