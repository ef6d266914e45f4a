import { readable } from '../domain/view.ts'
import { operators, type RecordStore } from '../store/records.ts'
import { type Period, periods, prefixOf, startIn, startOf, statisticsKind } from './period.ts'
import { addTally, emptyTally, type Tally } from './tally.ts'

/** Periods that ended so long ago, in milliseconds, do not change any more: every process has written them. */
const settledMs = 60_000
const page = 500

/** The counts of all processes. What does not change any more is read once. */
export class StatisticsReader {
  readonly #records: RecordStore
  readonly #settled: Record<Period, Map<number, Tally>> = { minute: new Map(), hour: new Map() }
  readonly #settledUntil: Record<Period, number> = { minute: 0, hour: 0 }

  constructor(records: RecordStore) {
    this.#records = records
  }

  /** The last `count` periods, oldest first, the present one included. */
  async series(period: Period, count: number, now: number): Promise<{ start: number; tally: Tally }[]> {
    const { length, keep } = periods[period]
    const first = startOf(period, now) - (count - 1) * length
    const oldest = startOf(period, now - keep)
    const settled = this.#settled[period]
    for (const start of settled.keys()) if (start < oldest) settled.delete(start)
    const from = Math.max(oldest, this.#settledUntil[period])
    const recent = await this.#read(period, from)
    const settledBefore = startOf(period, now - settledMs)
    for (const [start, tally] of recent) if (start < settledBefore) settled.set(start, tally)
    this.#settledUntil[period] = Math.max(from, settledBefore)
    return Array.from({ length: count }, (_, i) => {
      const start = first + i * length
      return { start, tally: recent.get(start) ?? settled.get(start) ?? emptyTally() }
    })
  }

  async #read(period: Period, from: number): Promise<Map<number, Tally>> {
    const found = new Map<number, Tally>()
    let after = prefixOf(period, from)
    for (;;) {
      const records = await this.#records.list(statisticsKind, operators, after, page)
      for (const { id, value } of records) {
        const more = readable(value) as Tally | null
        if (!id.startsWith(`${period}/`) || more === null) continue
        const start = startIn(id)
        const tally = found.get(start) ?? emptyTally()
        found.set(start, tally)
        addTally(tally, more)
      }
      const last = records.at(-1)
      if (records.length < page || last === undefined || !last.id.startsWith(`${period}/`)) return found
      after = last.id
    }
  }
}
