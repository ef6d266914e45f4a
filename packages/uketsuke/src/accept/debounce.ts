import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { debounce } from '../domain/rules.ts'
import { allOwners } from '../store/port.ts'
import type { AcceptParts } from './parts.ts'

/**
 * A request has met the unfinished job `held`. If its type is debounced and the job is pending, the job gets the input of the request, and
 * waits again. Resolves with the job as it is now; null if it ended before it got the input.
 */
export async function debounceHeld(
  { types, transition, clock, store }: Pick<AcceptParts, 'types' | 'transition' | 'clock' | 'store'>,
  held: Job,
  { input }: Job,
): Promise<Job | null> {
  const by = types.get(held.type)?.debounce ?? null
  if (by === null) return held
  const changed = await transition(held, (job) => debounce(job, input, clock.now(), by), clock.now)
  if (changed !== null) return changed
  const [present] = await store.get(allOwners, [held.id])
  return present && !isTerminal(present) ? present : null
}

/** A change of a pending job is a commit of its own. @throws `invalid-configuration` */
export function checkNotDebounced({ types }: Pick<AcceptParts, 'types'>, type: unknown): void {
  if (!types.get(String(type))?.debounce) return
  throw new UketsukeError('invalid-configuration', `Jobs of the type "${type}" are debounced: enqueue them without tx.`)
}
