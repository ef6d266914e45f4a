import { readWorkers } from '../work/presence.ts'
import type { DashboardParts } from './parts.ts'
import type { WorkersView } from './wire.ts'

/** How many running jobs are shown with their workers. */
const mostRunning = 1_000

/** The workers, with what each runs. */
export async function workers({ service, store }: DashboardParts): Promise<WorkersView> {
  const now = service.clock.now()
  const query = { queue: 'jobs', status: 'running', limit: mostRunning, examine: mostRunning } as const
  const [records, { jobs }] = await Promise.all([readWorkers(store.records, now), store.search(query)])
  const items = records.map((record) => ({
    ...record,
    jobs: jobs
      .filter(({ worker }) => worker === record.id)
      .map(({ id, type, startedAt, leaseUntil, progress }) => ({ jobId: id, type, startedAt, leaseUntil, progress })),
  }))
  return { now, items }
}
