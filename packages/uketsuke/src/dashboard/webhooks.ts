import { deliveryView } from '../domain/delivery-view.ts'
import { addTally, emptyTally } from '../statistics/tally.ts'
import { allOwners } from '../store/port.ts'
import type { DashboardParts } from './parts.ts'
import { search } from './search.ts'
import type { WebhooksView } from './wire.ts'

const mostEndpoints = 500
const failedDeliveries = 50
/** Failed webhooks are looked for among all failures for so long, in milliseconds. */
const searchMs = 50

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
