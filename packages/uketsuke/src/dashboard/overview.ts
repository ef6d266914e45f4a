import { type Durations, percentile, sumOf } from '../statistics/tally.ts'
import { readWorkers } from '../work/presence.ts'
import type { DashboardParts } from './parts.ts'
import type { OverviewView, Percentiles, PointView } from './wire.ts'

/** Counts go up to this. */
export const countedTo = 3_000
/** A worker that was not seen for so long, in milliseconds, does not count. */
const aliveMs = 30_000

const ranges = { hour: ['minute', 60], day: ['hour', 24], fortnight: ['hour', 14 * 24] } as const
export type Range = keyof typeof ranges
export const isRange = (name: string): name is Range => Object.hasOwn(ranges, name)

export async function overview({ service, store, statistics }: DashboardParts, range: Range): Promise<OverviewView> {
  const now = service.clock.now()
  const [period, count] = ranges[range]
  const [backlog, failed, series, workers] = await Promise.all([
    store.unfinished(countedTo),
    store.countFailed(countedTo),
    statistics.series(period, count, now),
    readWorkers(store.records, now),
  ])
  const alive = workers.filter(({ seenAt }) => seenAt > now - aliveMs)
  const points = series.map(({ start, tally }) => ({ start, total: sumOf(Object.values(tally.types)) }))
  const all = sumOf(points.map(({ total }) => total))
  return {
    now,
    countedTo,
    backlog,
    failed,
    series: points.map(({ start, total: { completed, failed, cancelled, retried } }): PointView => {
      return { at: start, completed, failed, cancelled, retried }
    }),
    wait: percentiles(all.wait),
    run: percentiles(all.run),
    workers: {
      alive: alive.length,
      running: alive.reduce((sum, { running }) => sum + running, 0),
      slots: alive.reduce((sum, { concurrency }) => sum + concurrency, 0),
    },
  }
}

export const percentiles = (durations: Durations): Percentiles => ({
  p50: percentile(durations, 0.5),
  p95: percentile(durations, 0.95),
  p99: percentile(durations, 0.99),
})
