import { type Clock, sleep } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { version } from '../base/version.ts'
import { readable } from '../domain/view.ts'
import { isPaused, operators, pausedTypeKind, type RecordStore } from '../store/records.ts'

export const workerKind = 'worker'

/** What a worker says of itself. Times are in milliseconds since the epoch. */
export interface WorkerRecord {
  readonly startedAt: number
  readonly seenAt: number
  readonly version: string
  readonly node: string
  /** How many jobs it may run at once. */
  readonly concurrency: number
  /** How many jobs it runs. */
  readonly running: number
  /** Resident memory of its process, in bytes. */
  readonly memory: number
  readonly types: readonly string[]
  /** An operator asked it to claim nothing more. */
  readonly quiet: boolean
}

interface Parts {
  records: RecordStore
  clock: Clock
  log: Log
}

interface About {
  readonly id: string
  readonly types: readonly string[]
  readonly concurrency: number
  running(): number
}

const beatMs = 5_000
/** How soon a worker sees that a type is paused, in milliseconds. */
const lookMs = 625
const mostPaused = 1_000
/** A worker that was not seen for so long, in milliseconds, is forgotten. */
const forgetMs = 60 * 60_000

/** Tells operators of one worker, and the worker what operators asked for: to be quiet, or to pause a type. */
export class Presence {
  readonly #parts: Parts
  readonly #about: About
  readonly #startedAt: number
  #quiet = false
  #paused: ReadonlySet<string> = new Set()

  constructor(parts: Parts, about: About) {
    this.#parts = parts
    this.#about = about
    this.#startedAt = parts.clock.now()
  }

  /** Those of these types whose jobs this worker may claim. */
  claimable(types: readonly string[]): readonly string[] {
    if (this.#quiet) return []
    return this.#paused.size === 0 ? types : types.filter((type) => !isPaused(this.#paused, type))
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { records, clock, log } = this.#parts
    let failing = false
    let beatAt = clock.now()
    while (!signal.aborted) {
      const next = sleep(clock, lookMs, signal)
      try {
        if (clock.now() >= beatAt) {
          await this.#beat()
          beatAt = clock.now() + beatMs
        }
        this.#paused = await readPausedTypes(records)
        failing = false
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'failed to report this worker; retrying')
        failing = true
      }
      await next
    }
    await records.remove(workerKind, operators, this.#about.id).catch(() => false)
  }

  async #beat(): Promise<void> {
    const { records, clock } = this.#parts
    const { id, types, concurrency, running } = this.#about
    const own = { version: version(), node: process.version, types, concurrency, startedAt: this.#startedAt }
    await records.update(workerKind, operators, id, (value) => {
      const quiet = (value !== null && (readable(value) as WorkerRecord | null)?.quiet) || false
      this.#quiet = quiet
      const record: WorkerRecord = {
        ...own,
        seenAt: clock.now(),
        running: running(),
        memory: process.memoryUsage.rss(),
        quiet,
      }
      return JSON.stringify(record)
    })
  }
}

/** The workers that were seen lately, and forgets the others. */
export async function readWorkers(records: RecordStore, now: number): Promise<(WorkerRecord & { id: string })[]> {
  const workers: (WorkerRecord & { id: string })[] = []
  for (const { id, value } of await records.list(workerKind, operators, null, 1_000)) {
    const record = readable(value) as WorkerRecord | null
    if (record !== null && record.seenAt > now - forgetMs) workers.push({ ...record, id })
    else await records.remove(workerKind, operators, id)
  }
  return workers
}

/** Asks a worker to claim nothing more, or to go on. It follows within five seconds. Resolves with false if there is no such worker. */
export async function setQuiet(records: RecordStore, id: string, quiet: boolean): Promise<boolean> {
  const value = await records.update(workerKind, operators, id, (stored) => {
    const record = stored === null ? null : (readable(stored) as WorkerRecord | null)
    return record === null ? null : JSON.stringify({ ...record, quiet })
  })
  return value !== null
}

export async function readPausedTypes(records: RecordStore): Promise<ReadonlySet<string>> {
  return new Set((await records.list(pausedTypeKind, operators, null, mostPaused)).map(({ id }) => id))
}

/** Workers claim no jobs of a paused type, or of any with {@link allTypes}. They follow within a second. Webhooks go on. */
export async function setPaused(records: RecordStore, type: string, paused: boolean, now: number): Promise<void> {
  if (paused) await records.update(pausedTypeKind, operators, type, () => JSON.stringify({ at: now }))
  else await records.remove(pausedTypeKind, operators, type)
}
