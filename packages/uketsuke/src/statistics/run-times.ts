import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type Estimate, estimate, mostRunTimes, runTimesOf, type RunTimes as Times } from '../domain/estimate.ts'
import type { Change, Job } from '../domain/job.ts'
import { readable } from '../domain/view.ts'
import { operators, type RecordStore } from '../store/records.ts'

interface Parts {
  records: RecordStore
  clock: Clock
  log: Log
}

/** The kind of the records with the durations of the last runs of a type, in milliseconds. Their ids are the names of the types. */
const runTimesKind = 'run-times'
/** How often durations are written, and how old the known ones may be, in milliseconds. */
const [writeMs, freshMs] = [10_000, 60_000]

/** How long the last runs of each type took, in all processes. */
export class RunTimes {
  readonly #parts: Parts
  /** What this process has not written yet. */
  #own = new Map<string, number[]>()
  readonly #known = new Map<string, { times: Times | null; readAt: number }>()
  #cancelTimer: (() => void) | null = null

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** This process has committed a change. */
  changed({ after: { queue, type, status, startedAt, completedAt } }: Change): void {
    if (status !== 'completed' || queue !== 'jobs' || startedAt === null || completedAt === null) return
    const own = this.#own.get(type)
    if (own === undefined) this.#own.set(type, [completedAt - startedAt])
    // The last ones count: no more are kept.
    else if (own.push(completedAt - startedAt) > 2 * mostRunTimes) own.splice(0, mostRunTimes)
    this.#cancelTimer ??= this.#parts.clock.after(writeMs, () => void this.write(), { background: true })
  }

  /** When a running job will complete; null if that is not known (yet). */
  estimate(job: Job): Estimate | null {
    if (job.status !== 'running' || job.queue !== 'jobs') return null
    return estimate(job, this.#parts.clock.now(), this.#of(job.type))
  }

  /** What is known now. What may be outdated is read for the next time. */
  #of(type: string): Times | null {
    const now = this.#parts.clock.now()
    const known = this.#known.get(type)
    if (known === undefined || now - known.readAt > freshMs) {
      this.#known.set(type, { times: known?.times ?? null, readAt: now })
      void this.#read(type)
    }
    return known?.times ?? null
  }

  async #read(type: string): Promise<void> {
    // An estimate is not worth an error.
    const found = await this.#parts.records.get(runTimesKind, operators, type).catch(() => null)
    if (found !== null) this.#learn(type, durationsOf(found.value))
  }

  #learn(type: string, durations: readonly number[]): void {
    this.#known.set(type, { times: runTimesOf(durations), readAt: this.#parts.clock.now() })
  }

  /** Writes the durations so far. Never rejects. */
  async write(): Promise<void> {
    if (this.#cancelTimer === null) return
    this.#cancelTimer()
    this.#cancelTimer = null
    const { records, log } = this.#parts
    const own = this.#own
    this.#own = new Map()
    for (const [type, durations] of own) {
      try {
        const all = (value: string | null) => [...durationsOf(value), ...durations].slice(-mostRunTimes)
        const stored = await records.update(runTimesKind, operators, type, (value) => JSON.stringify(all(value)))
        this.#learn(type, durationsOf(stored))
      } catch (error) {
        log.warn({ err: error, type }, 'failed to write how long jobs took')
      }
    }
  }
}

function durationsOf(value: string | null): number[] {
  const list = value === null ? [] : readable(value)
  return Array.isArray(list) ? list.filter((one) => typeof one === 'number' && one >= 0) : []
}
