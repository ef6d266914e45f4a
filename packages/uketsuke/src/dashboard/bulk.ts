import { encodeTime } from 'ulid'
import { isA } from '../base/thrown.ts'
import { performance } from '../base/timers.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
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

/** Acts on the jobs of a filter, for a while. `may` is asked for each job. */
export async function actOnMany(
  parts: DashboardParts,
  filter: Filter,
  { action, operation, cursor, until }: Batch,
  may: (job: Job) => Promise<unknown>,
): Promise<BulkView> {
  const started = performance.now()
  let [done, skipped, next]: [number, number, string | null] = [0, 0, cursor]
  do {
    const page = await search(parts.store, filter, { cursor: next, limit: atOnce, within: actMs })
    const outcomes = page.jobs.map(async (job) => {
      if (job.id >= until || !allowed(action, job)) return false
      await may(job)
      try {
        await act(parts, action, job, operation)
        return true
      } catch (error) {
        if (isA(error, UketsukeError) && passed.has(error.code)) return false
        throw error
      }
    })
    for (const acted of await Promise.all(outcomes)) {
      if (acted) done++
      else skipped++
    }
    next = page.next
  } while (next !== null && performance.now() - started < actMs)
  return { done, skipped, next }
}

/** Somebody else was faster. */
const passed = new Set<string>(['job-not-found', 'job-not-finished'])

/** A cancel does not change a job that has ended; the other actions need one that has. */
const allowed = (action: JobAction, { completedAt }: Job) => (action === 'cancel') === (completedAt === null)
