import { encodeTime } from 'ulid'
import { isA } from '../base/thrown.ts'
import { performance } from '../base/timers.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { allOwners } from '../store/port.ts'
import type { DashboardAction } from './access.ts'
import type { DashboardParts } from './parts.ts'
import { type Filter, search } from './search.ts'
import type { BulkView, CountView } from './wire.ts'

/** What can be done to a job, or to each job of a filter. */
export const jobActions = ['cancel', 'retry', 'delete'] as const satisfies DashboardAction[]
export type JobAction = (typeof jobActions)[number]
export const isJobAction = (name: unknown): name is JobAction => jobActions.includes(name as JobAction)

const countMs = 800
const mostCounted = 10_000
/** One request acts for about so long, in milliseconds; the page asks again until all is done. */
const actMs = 1_500
const atOnce = 50

export async function count({ service, store }: DashboardParts, filter: Filter): Promise<CountView> {
  const until = encodeTime(service.clock.now() + 1)
  const started = performance.now()
  let [count, cursor, more]: [number, string | null, boolean] = [0, null, true]
  while (more && count < mostCounted && performance.now() - started < countMs) {
    const page = await search(store, filter, { cursor, limit: 1_000, within: countMs })
    count += page.jobs.length
    cursor = page.next
    more = page.next !== null
  }
  return { count, more, until }
}

/** Acts on one job, as the API does. `key`: a repeated retry makes no second job. @throws `job-not-found`, `job-not-finished` */
export async function act({ service }: DashboardParts, action: JobAction, { id }: Pick<Job, 'id'>, key: string) {
  if (action === 'cancel') await service.cancel(allOwners, id)
  else if (action === 'delete') await service.remove(allOwners, id)
  else return (await service.retry(allOwners, id, { route: 'dashboard', key: `${key}:${id}` })).job.id
  return null
}

interface Batch {
  readonly action: JobAction
  /** Names this bulk action, so that a request which is sent twice acts once. */
  readonly operation: string
  readonly cursor: string | null
  /** Only jobs with a smaller id, that is, created before the operator decided. */
  readonly until: string
}

/**
 * Acts on the jobs of a filter, for a while. `may` is asked for each job, and those that it refuses are skipped. An error ends the action;
 * it is returned, because what was done before must still be written to the audit log.
 */
export async function actOnMany(
  parts: DashboardParts,
  filter: Filter,
  { action, operation, cursor, until }: Batch,
  may: (job: Job) => Promise<unknown>,
): Promise<{ acted: BulkView; error: unknown }> {
  const started = performance.now()
  const acted = { done: 0, skipped: 0, next: cursor }
  const actOn = async (job: Job): Promise<boolean> => {
    if (job.id >= until || (action === 'cancel') === isTerminal(job)) return false
    try {
      await may(job)
      await act(parts, action, job, operation)
      return true
    } catch (error) {
      if (isA(error, UketsukeError) && skipping.has(error.code)) return false
      throw error
    }
  }
  do {
    const page = await search(parts.store, filter, { cursor: acted.next, limit: atOnce, within: actMs })
    const outcomes = await Promise.allSettled(page.jobs.map(actOn))
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') acted[outcome.value ? 'done' : 'skipped']++
    }
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) return { acted, error: failed.reason }
    acted.next = page.next
  } while (acted.next !== null && performance.now() - started < actMs)
  return { acted, error: null }
}

/** Somebody else was faster, or the operator may not act on this job. */
const skipping = new Set<string>(['job-not-found', 'job-not-finished', 'forbidden'])
