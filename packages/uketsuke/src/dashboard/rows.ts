import { deliveryView } from '../domain/delivery-view.ts'
import type { Job } from '../domain/job.ts'
import type { JobService } from '../service.ts'
import { allOwners } from '../store/port.ts'
import type { Hidden } from './hidden.ts'
import type { JobPageView, JobRow } from './wire.ts'

export function rowOf(job: Job): JobRow {
  const { id, type, owner, status, progress, progressMessage, attempt, maxAttempts, priority } = job
  const { createdAt, runAt, startedAt, completedAt, cancelRequestedAt, worker, leaseUntil, error } = job
  return {
    ...{ jobId: id, type, owner, status, progress, progressMessage, attempt, maxAttempts, priority },
    ...{ createdAt, runAt, startedAt, completedAt, cancelRequestedAt, worker, leaseUntil, error },
  }
}

/** @throws `job-not-found` */
export async function jobPage(service: JobService, hidden: Hidden, id: string): Promise<JobPageView> {
  const job = await service.find(allOwners, id)
  const [attempts, deliveries, position, log] = await Promise.all([
    service.attempts(allOwners, id),
    service.deliveries(allOwners, id),
    service.position(job),
    service.logLines(id),
  ])
  const { version, expiresAt, retryOf, webhookUrl, lastError } = job
  return {
    now: service.clock.now(),
    job: { ...rowOf(job), version, expiresAt, retryOf, webhookUrl, lastError, position },
    input: hidden.shown('input', job.input),
    output: hidden.shown('output', job.output),
    metadata: hidden.shown('metadata', job.metadata),
    attempts,
    log,
    // What the receiver answered: its status, the start of its body, and the time that it took.
    deliveries: deliveries.map((one) => ({ ...deliveryView(one, true), answer: one.job.output })),
  }
}
