import { change, type Subscriber } from '../domain/change.ts'
import { type Change, isTerminal, type Job } from '../domain/job.ts'
import { allOwners, type Store } from './port.ts'

/** A rule of `domain/rules.ts` with its arguments bound. Null means that the change is not legal in this state. */
export type Rule = (job: Job) => Job | null

/**
 * Applies a rule to a job by compare-and-swap. If another writer was first, it reads the job again and applies the rule
 * again. Resolves with the stored job, or null if the rule does not apply (any more) or the job is gone.
 */
export type Transition = (job: Job, rule: Rule, now: () => number) => Promise<Job | null>

/** The registered receivers of an owner's webhooks. A promise only if the store must be asked. */
export type SubscribersOf = (owner: string) => readonly Subscriber[] | Promise<readonly Subscriber[]>

/** `committed` is called after the commit of each change. All notifications originate here. */
export function transitions(
  store: Store,
  committed: (change: Change) => void,
  subscribersOf: SubscribersOf = () => [],
): Transition {
  function move(before: Job, rule: Rule, now: () => number): Promise<Job | null> {
    const after = rule(before)
    if (after === null) return Promise.resolve(null)
    const subscribers = isTerminal(after) && after.queue === 'jobs' ? subscribersOf(after.owner) : []
    if (!(subscribers instanceof Promise)) return swap(before, after, subscribers, rule, now)
    return subscribers.then((all) => swap(before, after, all, rule, now))
  }

  function swap(
    before: Job,
    after: Job,
    subscribers: readonly Subscriber[],
    rule: Rule,
    now: () => number,
  ): Promise<Job | null> {
    const wanted = change(before, after, now(), subscribers)
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
