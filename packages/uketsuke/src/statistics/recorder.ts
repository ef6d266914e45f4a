import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type DeliveryTarget, endedAttempt } from '../domain/change.ts'
import { type Change, isTerminal, type Job } from '../domain/job.ts'
import { readable } from '../domain/view.ts'
import { operators, type RecordStore } from '../store/records.ts'
import { ErrorGroups } from './error-groups.ts'
import { type Period, periods, prefixOf, startOf, statisticsKind } from './period.ts'
import { emptyTally, endpointIn, observe, type Tally, typeIn } from './tally.ts'

interface Parts {
  records: RecordStore
  clock: Clock
  log: Log
}

/** How often counts are written, in milliseconds, while there are new ones. */
const writeMs = 5_000
/** Of so many endpoints the attempts are counted in one period. */
const mostEndpoints = 1_000
const names = Object.keys(periods) as Period[]

interface Current {
  start: number
  tally: Tally
}

/** Counts what happens in this process, and writes the counts to the store, where the dashboards of all processes read them. */
export class Recorder {
  readonly #parts: Parts
  readonly #process = randomBytes(6).toString('hex')
  readonly #current = new Map<Period, Current>()
  readonly #ended: { period: Period; current: Current }[] = []
  readonly #errors = new ErrorGroups()
  #cancelTimer: (() => void) | null = null
  #prunedAt = Number.NEGATIVE_INFINITY

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** A worker of this process has started attempts. */
  claimed(jobs: readonly Job[]): void {
    for (const { queue, type, startedAt, runAt } of jobs) {
      if (queue !== 'jobs' || startedAt === null) continue
      this.#count(startedAt, (tally) => observe(typeIn(tally, type).wait, startedAt - runAt))
    }
  }

  /** This process has committed a change. */
  changed(change: Change): void {
    const { after } = change
    const ended = endedAttempt(change)
    const terminal = isTerminal(after)
    if (ended === null && !terminal) return
    const at = after.completedAt ?? ended?.endedAt ?? 0
    if (after.queue === 'deliveries') return void this.#delivered(after, ended?.outcome, at)
    const error = ended?.error ?? after.error
    if (error !== null && (ended === null || ended.outcome !== 'cancelled') && after.status !== 'cancelled')
      this.#errors.add(after, error, at)
    this.#count(at, (tally) => {
      const counts = typeIn(tally, after.type)
      if (terminal) counts[after.status as 'completed' | 'failed' | 'cancelled']++
      else if (ended?.outcome === 'retrying' || ended?.outcome === 'lease-lost') counts.retried++
      if (ended !== null) observe(counts.run, ended.endedAt - ended.startedAt)
    })
  }

  #delivered({ input, status }: Job, outcome: string | undefined, at: number): void {
    const endpoint = (readable(input) as DeliveryTarget | null)?.endpoint
    if (endpoint === undefined || !(outcome === 'retrying' || status === 'completed' || status === 'failed')) return
    this.#count(at, (tally) => {
      const known = Object.hasOwn(tally.endpoints, endpoint)
      if (!known && Object.keys(tally.endpoints).length >= mostEndpoints) return
      endpointIn(tally, endpoint)[status === 'completed' ? 'delivered' : 'failed']++
    })
  }

  #count(at: number, add: (tally: Tally) => void): void {
    for (const period of names) {
      const start = startOf(period, at)
      let current = this.#current.get(period)
      if (current === undefined || current.start < start) {
        if (current !== undefined) this.#ended.push({ period, current })
        current = { start, tally: emptyTally() }
        this.#current.set(period, current)
      }
      add(current.tally)
    }
    this.#schedule()
  }

  #schedule(): void {
    this.#cancelTimer ??= this.#parts.clock.after(writeMs, () => void this.write(), { background: true })
  }

  /** Writes the counts so far. Never rejects: statistics are not worth an error. */
  async write(): Promise<void> {
    if (this.#cancelTimer === null) return
    this.#cancelTimer()
    this.#cancelTimer = null
    const { records, log } = this.#parts
    const put = (period: Period, { start, tally }: Current) =>
      records.update(statisticsKind, operators, prefixOf(period, start) + this.#process, () => JSON.stringify(tally))
    try {
      for (let first = this.#ended[0]; first !== undefined; first = this.#ended[0]) {
        await put(first.period, first.current)
        this.#ended.shift()
      }
      for (const [period, current] of this.#current) await put(period, current)
      await this.#errors.write(records)
      await this.#prune()
    } catch (error) {
      log.warn({ err: error }, 'failed to write statistics')
      // The counts are still here.
      this.#schedule()
    }
  }

  /** Removes what all processes have written long ago. */
  async #prune(): Promise<void> {
    const { records, clock } = this.#parts
    const now = clock.now()
    if (now - this.#prunedAt < 10 * 60_000) return
    this.#prunedAt = now
    for (const period of names) {
      const end = prefixOf(period, startOf(period, now - periods[period].keep))
      const old = (await records.list(statisticsKind, operators, `${period}/`, 500)).filter(({ id }) => id < end)
      for (const { id } of old) await records.remove(statisticsKind, operators, id)
    }
  }
}
