import { sleep } from '../base/clock.ts'
import { allOwners } from '../store/port.ts'
import type { WorkerParts } from './parts.ts'
import type { RunningJobs } from './running-jobs.ts'

/**
 * Renews all leases of one worker in one write, every third of a lease, until `signal` aborts. A lost lease aborts its handler. A job
 * that another process changed is read again, so that a cancellation arrives even if its hint was lost.
 */
export async function heartbeat(
  { store, clock, log, leaseMs }: WorkerParts,
  held: RunningJobs,
  signal: AbortSignal,
): Promise<void> {
  let wait = leaseMs / 3
  while (!signal.aborted) {
    await sleep(clock, wait, signal)
    wait = leaseMs / 3
    const jobs = held.all()
    if (jobs.length === 0 || signal.aborted) continue
    const asked = clock.now()
    try {
      const versions = await store.renew(
        jobs.map(({ lease }) => lease),
        leaseMs,
      )
      // Jobs that ended meanwhile are no longer held, and their leases are not lost.
      const still = jobs
        .map((job, i) => ({ job, version: versions[i] }))
        .filter(({ job }) => held.get(job.lease.id) === job)
      for (const { job, version } of still) {
        if (version === null) job.abort('lease-lost')
        else job.confirmedAt = asked
      }
      const changed = still.filter(({ job, version }) => version != null && version > job.job.version)
      const fresh =
        changed.length > 0
          ? await store.get(
              allOwners,
              changed.map(({ job }) => job.lease.id),
            )
          : []
      for (const [i, { job }] of changed.entries()) if (fresh[i]) job.onChange(fresh[i])
    } catch (error) {
      // The store may be back before the next third of a lease, and other workers take over expired leases.
      wait = Math.min(wait, 1_000)
      log.error({ err: error, jobs: jobs.length }, 'renewing leases failed; retrying')
    }
  }
}
