import { type Clock, systemClock } from '../../base/clock.ts'
import type { Parameters } from './parameters.ts'

/** After so many milliseconds the database is asked for its time again. */
const measureEvery = 10_000

/**
 * Time by the database's clock, so that the clocks of the machines around it need not agree. A clock that the program was given
 * (`createJobs({ clock })`, a manual one in tests) is believed instead: whoever brings a clock means it.
 */
export interface DatabaseTime {
  /** Now, as an SQL expression in milliseconds. */
  now(parameters: Parameters): string
  /** The same as known here, from the last measurement: what the rules are told. */
  here(): number
  /** Whether it is time to measure again. */
  readonly isStale: boolean
  /** The database said `theirs` to a question sent at `sent` and answered now, both by this process's clock. */
  measured(theirs: number, sent: number): void
  /** What a pending row of this process is due at: what is due as known here is due at once, however good the measurement is. */
  due(parameters: Parameters): string
}

export function time(clock: Clock): DatabaseTime {
  const own = clock !== systemClock
  let offset = 0
  let measuredAt = Number.NEGATIVE_INFINITY
  const here = () => clock.now() + offset
  const now = (parameters: Parameters) =>
    own
      ? `${parameters.add(clock.now())}::bigint`
      : // A query of its own is evaluated once, not for each row.
        '(SELECT floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint)'
  return {
    now,
    here,
    get isStale() {
      return !own && Math.abs(clock.now() - measuredAt) > measureEvery
    },
    measured(theirs, sent) {
      if (own) return
      const received = clock.now()
      measuredAt = received
      const found = Math.round(theirs - (sent + received) / 2)
      // Closer than the way there and back no measurement can tell: time here goes on evenly.
      if (Math.abs(found - offset) > (received - sent) / 2 + 1) offset = found
    },
    due(parameters) {
      const [theirs, ours] = [now(parameters), parameters.add(here())]
      return `CASE WHEN new.status = 'pending'
        THEN CASE WHEN new.run_at <= ${ours}::bigint THEN least(new.run_at, ${theirs}) ELSE new.run_at END END`
    },
  }
}
