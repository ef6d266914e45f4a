import { bucketEnd, sumOf } from '../statistics/tally.ts'
import { allTypes } from '../store/records.ts'
import { readPausedTypes } from '../work/presence.ts'
import { countedTo, percentiles } from './overview.ts'
import type { DashboardParts } from './parts.ts'
import type { TypesView } from './wire.ts'

/** The job types of this program and of the store, with what became of their jobs in the last hour. */
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
    const mine = series.map(({ tally }) => sumOf(Object.hasOwn(tally.types, type) ? [tally.types[type]!] : []))
    const all = sumOf(mine)
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
  return { now, paused: paused.has(allTypes), countedTo, items }
}
