import { type Clock, systemClock } from '../../clock.ts'
import type { Parameters } from './arrays.ts'

/**
 * Time by the database's clock, so that the clocks of the machines around it need not agree. A clock that the program was given
 * (`createJobs({ clock })`, a manual one in tests) is believed instead: whoever brings a clock means it.
 */
export interface Time {
  /** Now, as an SQL expression in milliseconds. */
  now(parameters: Parameters): string
  /** A time of the database in terms of this process's clock. `now` is what the database's clock said with it. */
  here(time: number, now: number): number
  /** What a pending row of this process is due at: what is due by its own clock is due at once, however far the clocks are apart. */
  due(parameters: Parameters): string
}

export function time(clock: Clock): Time {
  const own = clock !== systemClock
  const now = (parameters: Parameters) =>
    own
      ? `${parameters.add(clock.now())}::bigint`
      : // A query of its own is evaluated once, not for each row.
        '(SELECT floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint)'
  return {
    now,
    here: (time, now) => time - now + clock.now(),
    due(parameters) {
      const [theirs, ours] = [now(parameters), parameters.add(clock.now())]
      return `CASE WHEN new.status = 'pending'
        THEN CASE WHEN new.run_at <= ${ours}::bigint THEN least(new.run_at, ${theirs}) ELSE new.run_at END END`
    },
  }
}
