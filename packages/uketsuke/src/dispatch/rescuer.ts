import { type Clock, sleep } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { isPassing } from '../base/thrown.ts'
import type { Job } from '../domain/job.ts'
import { expire } from '../domain/rules.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'

interface SweepParts {
  store: Store
  transition: Transition
  clock: Clock
  log: Log
  /** How long a lease lasts, in milliseconds. */
  leaseMs: number
}

const every = 1_000
const batch = 500
const pruneEvery = 60_000

/**
 * Finds what a dead worker left behind and what has expired, about once a second, until `signal` aborts. What the sweeping worker holds
 * itself (`mine`) is left to its next beat: a process that was suspended, or blocked by a handler, is late with both and is not dead.
 */
export async function sweep(parts: SweepParts, mine: (job: Job) => boolean, signal: AbortSignal): Promise<void> {
  const { store, clock, log, leaseMs } = parts
  let pruneAt = clock.now()
  let failing = false
  /** After an outage of the store its workers come first: they renew what they still run, and have not died of it. */
  let spareUntil = clock.now()
  while (!signal.aborted) {
    try {
      if (clock.now() >= spareUntil) await expireLapsed(parts, mine)
      if (clock.now() >= pruneAt) {
        // A full batch means there is more: go on at the next turn.
        if ((await store.prune(batch)) < batch) pruneAt = clock.now() + pruneEvery
      }
      failing = false
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'the sweep failed; it goes on trying')
      failing = true
      if (isPassing(error)) spareUntil = clock.now() + leaseMs / 3
    }
    // Jittered, so that many processes do not all look at once.
    await sleep(clock, every * (0.5 + Math.random()), signal)
  }
}

/** Each job on its own version, so a worker that renews or finishes meanwhile wins. */
async function expireLapsed({ store, transition, clock, log }: SweepParts, mine: (job: Job) => boolean): Promise<void> {
  const lapsed = (await store.lapsed(batch)).filter((job) => !mine(job))
  await Promise.all(
    lapsed.map(async (job) => {
      const about = { jobId: job.id, attempt: job.attempt, worker: job.worker }
      try {
        // The store has said that it is past this time, whatever is known here of its clock.
        const at = Math.max(clock.now(), job.leaseUntil ?? 0)
        const after = await transition(
          job,
          (now) => expire(now, at),
          () => at,
        )
        if (after) log.warn({ ...about, status: after.status }, 'lease lost')
      } catch (error) {
        if (isPassing(error)) throw error
        // One job that cannot be written must not keep the others, and the pruning, from their turn.
        log.error({ ...about, err: error }, 'a lost lease could not be expired')
      }
    }),
  )
}
