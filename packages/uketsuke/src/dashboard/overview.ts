import { bucketEnd, type Durations, percentile, totalOf } from '../statistics/tally.ts'
import { readPausedTypes, readWorkers } from '../work/presence.ts'
import type { DashboardParts } from './parts.ts'
import type { OverviewView, Percentiles, PointView, TypesView } from './wire.ts'

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
  const points = series.map(({ start, tally }) => ({ start, total: totalOf(tally) }))
  const all = totalOf({ types: Object.fromEntries(points.map(({ start, total }) => [start, total])), endpoints: {} })
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

export async function types({ service, store, statistics }: DashboardParts): Promise<TypesView> {
  const now = service.clock.now()
  const [backlog, series, paused] = await Promise.all([
    store.unfinished(countedTo),
    statistics.series('minute', 60, now),
    readPausedTypes(store.records),
  ])
  const seen = series.flatMap(({ tally }) => Object.keys(tally.types))
  const names = [...new Set([...service.types.keys(), ...backlog.map(({ type }) => type), ...seen])].sort()
  const items = names.map((type) => {
    const waiting = backlog.find((one) => one.type === type) ?? { type, pending: 0, running: 0, oldest: null }
    const mine = series.map(({ tally }) =>
      totalOf({ types: Object.hasOwn(tally.types, type) ? { type: tally.types[type]! } : {}, endpoints: {} }),
    )
    const all = totalOf({ types: Object.fromEntries(mine.map((tally, i) => [i, tally])), endpoints: {} })
    const { completed, failed, retried } = all
    return {
      ...waiting,
      paused: paused.has(type),
      ended: mine.map(({ completed, failed }) => ({ completed, failed })),
      ...{ completed, failed, retried },
      wait: percentiles(all.wait),
      run: percentiles(all.run),
      durations: Object.entries(all.run).map(([bucket, count]) => ({ upTo: bucketEnd(Number(bucket)), count })),
    }
  })
  return { now, countedTo, items }
}

const percentiles = (durations: Durations): Percentiles => ({
  p50: percentile(durations, 0.5),
  p95: percentile(durations, 0.95),
  p99: percentile(durations, 0.99),
})
