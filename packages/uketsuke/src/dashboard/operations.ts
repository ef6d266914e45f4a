import { deliveryView } from '../domain/delivery-view.ts'
import { readable } from '../domain/view.ts'
import { readErrorGroups } from '../statistics/error-groups.ts'
import { addTally, emptyTally } from '../statistics/tally.ts'
import { allOwners } from '../store/port.ts'
import { readWorkers } from '../work/presence.ts'
import type { DashboardParts } from './parts.ts'
import { search } from './search.ts'
import type { ErrorsView, SuggestionsView, WebhooksView, WorkersView } from './wire.ts'

/** How many running jobs are shown with their workers. */
const mostRunning = 1_000
const mostEndpoints = 500
const failedDeliveries = 50
/** Failed webhooks are looked for among all failures for so long, in milliseconds. */
const searchMs = 50

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

/** The endpoints of all owners with the attempts of the last day, and the webhooks that failed last. */
export async function webhooks({ service, store, statistics }: DashboardParts): Promise<WebhooksView> {
  const now = service.clock.now()
  const filter = { queue: 'deliveries', status: 'failed', values: [], oldestFirst: false } as const
  const [endpoints, series, failed] = await Promise.all([
    service.endpoints?.all(mostEndpoints) ?? null,
    statistics.series('hour', 24, now),
    search(store, filter, { cursor: null, limit: failedDeliveries, within: searchMs }),
  ])
  const day = emptyTally()
  for (const { tally } of series) addTally(day, tally)
  // A search leaves out the input, which has the URL.
  const whole = await store.get(
    allOwners,
    failed.jobs.map(({ id }) => id),
  )
  return {
    now,
    endpoints:
      endpoints?.map((endpoint) => ({
        ...endpoint,
        ...(Object.hasOwn(day.endpoints, endpoint.endpointId)
          ? day.endpoints[endpoint.endpointId]!
          : { delivered: 0, failed: 0 }),
      })) ?? null,
    failed: whole.flatMap((job) =>
      job === null ? [] : [{ ...deliveryView({ job, attempts: [] }, true), jobId: job.parent ?? '', owner: job.owner }],
    ),
  }
}

export async function errors({ service, store }: DashboardParts): Promise<ErrorsView> {
  return { now: service.clock.now(), items: await readErrorGroups(store.records) }
}

/** What a search could look for, from the newest jobs. */
export async function suggestions({ service, store, hidden }: DashboardParts): Promise<SuggestionsView> {
  const { jobs } = await store.search({ queue: 'jobs', limit: 100, examine: 100, inputs: true })
  const paths = new Set<string>()
  for (const { input, metadata } of jobs) {
    for (const path of pathsOf('input', readable(input))) if (!hidden.covers(path.split('.'))) paths.add(path)
    for (const path of pathsOf('metadata', readable(metadata ?? ''))) {
      if (!hidden.covers(path.split('.'))) paths.add(path)
    }
  }
  return {
    types: [...new Set([...service.types.keys(), ...jobs.map(({ type }) => type)])].sort(),
    owners: [...new Set(jobs.map(({ owner }) => owner))].sort().slice(0, 100),
    paths: [...paths].sort().slice(0, 100),
  }
}

/** The paths of scalar members, to a depth of three. */
function pathsOf(prefix: string, value: unknown, depth = 0): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === 3) return []
  return Object.entries(value).flatMap(([name, member]) => {
    if (name.includes('.') || name === '') return []
    const path = `${prefix}.${name}`
    return typeof member === 'object' && member !== null ? pathsOf(path, member, depth + 1) : [path]
  })
}
