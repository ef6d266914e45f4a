import { deliveryView } from '../domain/delivery-view.ts'
import type { JobService } from '../service.ts'
import { allOwners } from '../store/port.ts'
import type { Hidden } from './hidden.ts'
import { rowOf } from './rows.ts'
import type { JobPageView } from './wire.ts'

/** @throws `job-not-found` */
export async function jobPage(service: JobService, hidden: Hidden, id: string): Promise<JobPageView> {
  const job = await service.find(allOwners, id)
  const [attempts, deliveries, position, log] = await Promise.all([
    service.attempts(allOwners, id),
    service.deliveries(allOwners, id),
    service.position(job),
    service.logLines(id),
  ])
  const { version, parked, expiresAt, retryOf, webhookUrl, lastError } = job
  return {
    now: service.clock.now(),
    job: { ...rowOf(job), version, parked, expiresAt, retryOf, webhookUrl, lastError, position },
    input: hidden.shown('input', job.input),
    output: hidden.shown('output', job.output),
    metadata: hidden.shown('metadata', job.metadata),
    attempts,
    log,
    // What the receiver answered: its status, the start of its body, and the time that it took.
    deliveries: deliveries.map((one) => ({ ...deliveryView(one, true), answer: one.job.output })),
  }
}
