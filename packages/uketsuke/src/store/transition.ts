import { change } from '../domain/change.ts'
import type { Change, Job } from '../domain/job.ts'
import { allOwners, type Store } from './port.ts'

/** A rule of `domain/rules.ts` with its arguments bound. Null means that the change is not legal in this state. */
export type Rule = (job: Job) => Job | null

/**
 * Applies a rule to a job by compare-and-swap. If another writer was first, it reads the job again and applies the rule
 * again. Resolves with the stored job, or null if the rule does not apply (any more) or the job is gone.
 */
export type Transition = (job: Job, rule: Rule, now: () => number) => Promise<Job | null>

/** `committed` is called after the commit of each change. All notifications originate here. */
export function transitions(store: Store, committed: (change: Change) => void): Transition {
  function move(before: Job, rule: Rule, now: () => number): Promise<Job | null> {
    const after = rule(before)
    if (after === null) return Promise.resolve(null)
    const wanted = change(before, after, now())
    // Not an async function: nearly every transition succeeds at the first try, and each job makes three.
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
