import { change } from '../domain/change.ts'
import type { Change, Job } from '../domain/job.ts'
import { allOwners, type Store } from './port.ts'

/** A rule of `domain/rules.ts` with its arguments bound: null means "not legal from here". */
export type Rule = (job: Job) => Job | null

/**
 * Moves one job by one rule: swap by version, and where somebody else was first, look again and ask the rule again. Gives the job
 * as stored, or null where the rule says no (any more) or the job is gone.
 */
export type Transition = (job: Job, rule: Rule, now: () => number) => Promise<Job | null>

/** `committed` hears of each change after its commit; it is the one place from which hints start. */
export function transitions(store: Store, committed: (change: Change) => void): Transition {
  function move(before: Job, rule: Rule, now: () => number): Promise<Job | null> {
    const after = rule(before)
    if (after === null) return Promise.resolve(null)
    const wanted = change(before, after, now())
    // No async function: nearly every move succeeds at once, and each job makes three.
    return store.replace([wanted]).then(([swapped]) => {
      if (!swapped) return again(before.id, rule, now)
      committed(wanted)
      return after
    })
  }

  async function again(id: string, rule: Rule, now: () => number): Promise<Job | null> {
    const [present] = await store.get(allOwners, [id])
    return present ? move(present, rule, now) : null
  }

  return move
}
