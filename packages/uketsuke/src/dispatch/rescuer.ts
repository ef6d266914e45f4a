import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { periodically } from '../base/periodically.ts'
import { isPassing } from '../base/thrown.ts'
import type { Job } from '../domain/job.ts'
import { expire } from '../domain/rules.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'

interface RescuerParts {
  store: Store
  transition: Transition
  clock: Clock
  log: Log
  /** How long a lease lasts, in milliseconds. */
  leaseMs: number
}

const intervalMs = 1_000
const batch = 500

/**
 * Gives the jobs of dead workers back to the queue, about once a second, until `signal` aborts. Jobs that this worker holds itself
 * (`mine`) are left to its own next heartbeat: a process that was suspended, or blocked by a handler, is late with both and is not dead.
 */
export async function rescue(parts: RescuerParts, mine: (job: Job) => boolean, signal: AbortSignal): Promise<void> {
  const { store, clock, leaseMs } = parts
  /** After an outage of the store, live workers get time to renew their leases first. */
  let spareUntil = clock.now()
  await periodically({ ...parts, intervalMs, name: 'rescuing jobs of dead workers' }, signal, async () => {
    if (clock.now() < spareUntil) return
    try {
      await expireLeases(
        parts,
        (await store.expiredLeases(batch)).filter((job) => !mine(job)),
      )
    } catch (error) {
      if (isPassing(error)) spareUntil = clock.now() + leaseMs / 3
      throw error
    }
  })
}

/** Each job on its own version, so a worker that renews or finishes meanwhile wins. */
async function expireLeases({ transition, clock, log }: RescuerParts, expired: readonly Job[]): Promise<void> {
  await Promise.all(
    expired.map(async (job) => {
      const about = { jobId: job.id, attempt: job.attempt, worker: job.worker }
      try {
        // By the store's clock, the lease has ended. This process may know that clock less exactly.
        const at = Math.max(clock.now(), job.leaseUntil ?? 0)
        const after = await transition(
          job,
          (now) => expire(now, at),
          () => at,
        )
        if (after) log.warn({ ...about, status: after.status }, 'lease lost')
      } catch (error) {
        if (isPassing(error)) throw error
        // One unwritable job must not block the others.
        log.error({ ...about, err: error }, 'a lost lease could not be expired')
      }
    }),
  )
}
