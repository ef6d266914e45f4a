import { change } from '../domain/change.ts'
import type { Change, Job } from '../domain/job.ts'
import { everyone, type Store } from './port.ts'

/** A rule of `domain/rules.ts` with its arguments bound: null means "not legal from here". */
export type Rule = (job: Job) => Job | null

/**
 * Moves one job by one rule: swap by version, and where somebody else was first, look again and ask the rule again. Gives the job
 * as stored, or null where the rule says no (any more) or the job is gone.
 */
export type Transition = (job: Job, rule: Rule, now: () => number) => Promise<Job | null>

/** `committed` hears of each change after its commit; it is the one place from which hints start. */
export function transitions(store: Store, committed: (change: Change) => void): Transition {
  return async (job, rule, now) => {
    for (let before: Job | null = job; before; ) {
      const after = rule(before)
      if (!after) return null
      const wanted = change(before, after, now())
      const [swapped] = await store.replace([wanted])
      if (swapped) {
        committed(wanted)
        return after
      }
      ;[before = null] = await store.get(everyone, [job.id])
    }
    return null
  }
}
