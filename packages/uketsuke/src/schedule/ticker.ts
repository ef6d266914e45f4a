import { sleep } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { UketsukeError } from '../domain/errors.ts'
import { due, ran, requestedRunDone, type Schedule } from '../domain/schedule.ts'
import { isoTime } from '../domain/view.ts'
import { timesOf } from './schedule.ts'
import { request, type ScheduleParts, type Schedules } from './schedules.ts'

/** How soon a worker sees a schedule that another process has made or changed, in milliseconds. */
const pollMs = 5_000

interface TickerParts extends Pick<ScheduleParts, 'accept' | 'clock'> {
  readonly schedules: Schedules
  readonly log: Log
  /** Whether this process knows the job type. */
  knows(type: string): boolean
}

/**
 * Creates the jobs of schedules when they are due. Every worker does: the idempotency key of a job is its schedule and its time, so
 * that the first one creates it. A schedule remembers its last time only after the job is stored: what a crash cut off is done again.
 */
export class Ticker {
  readonly #parts: TickerParts
  #wake = new AbortController()
  /** The next time of each schedule as it was read last. */
  readonly #next = new Map<string, { schedule: Schedule; at: number }>()
  /** The last failure of each schedule, so that the log has it once. */
  readonly #failing = new Set<string>()

  constructor(parts: TickerParts) {
    this.#parts = parts
  }

  /** A schedule may be due earlier than it was. */
  wake(): void {
    this.#wake.abort()
  }

  /** Ticks until `signal` aborts; first at `next`, which a tick resolved with. */
  async run(signal: AbortSignal, next: number): Promise<void> {
    for (let at = next; !signal.aborted; at = await this.tick()) {
      const wait = Math.min(pollMs, Math.max(0, at - this.#parts.clock.now()))
      await sleep(this.#parts.clock, wait, AbortSignal.any([signal, this.#wake.signal]))
      this.#wake = new AbortController()
      if (signal.aborted) return
    }
  }

  /** Creates all jobs that are due. Resolves with the next time at which one is, in milliseconds since the epoch. Never rejects. */
  async tick(): Promise<number> {
    const { schedules, clock } = this.#parts
    try {
      const stored = await schedules.all()
      const nexts: number[] = []
      for (const [name, schedule] of stored) nexts.push(await this.#turn(name, schedule))
      for (const name of this.#next.keys()) if (!stored.has(name)) this.#next.delete(name)
      this.#failing.delete('')
      return Math.min(...nexts, Number.POSITIVE_INFINITY)
    } catch (error) {
      this.#warn('', error)
      return clock.now() + pollMs
    }
  }

  /** The next time of this schedule. A damaged one does not keep the others from their jobs. */
  async #turn(name: string, schedule: Schedule): Promise<number> {
    try {
      if (!this.#parts.knows(schedule.type)) return Number.POSITIVE_INFINITY
      await this.#runAsRequested(name, schedule)
      return schedule.paused ? Number.POSITIVE_INFINITY : await this.#advance(name, schedule)
    } catch (error) {
      this.#warn(name, error)
      return this.#parts.clock.now() + pollMs
    }
  }

  async #runAsRequested(name: string, schedule: Schedule): Promise<void> {
    const { runRequestedAt: at } = schedule
    if (at === null) return
    if ((await this.#create(name, schedule, `${name} now ${at}`, { schedule: name })) === undefined) return
    await this.#parts.schedules.change(name, (stored) => requestedRunDone(stored, at))
  }

  async #advance(name: string, schedule: Schedule): Promise<number> {
    const { schedules, clock } = this.#parts
    const now = clock.now()
    const known = this.#next.get(name)
    if (known !== undefined && isSame(known.schedule, schedule) && known.at > now) return known.at
    const times = timesOf(schedule)
    let done = null
    for (const at of due(times, schedule.after, now, schedule.missed)) {
      const scheduledAt = isoTime(at)
      const jobId = await this.#create(name, schedule, `${name} ${scheduledAt}`, { schedule: name, scheduledAt })
      // Not now: the next turn tries again.
      if (jobId === undefined) return now + pollMs
      done = at
      await schedules.change(name, (stored) => ran(stored, at, jobId))
    }
    const at = times.next(done ?? now) ?? Number.POSITIVE_INFINITY
    this.#next.set(name, { schedule, at })
    return at
  }

  /** The id of the job; null if there can be none with this key; undefined if it can be tried again. */
  async #create(name: string, schedule: Schedule, key: string, metadata: object): Promise<string | null | undefined> {
    try {
      const idempotency = { route: 'schedule', key }
      const { job } = await this.#parts.accept({ ...request(schedule), metadata, idempotency })
      this.#failing.delete(name)
      return job.id
    } catch (error) {
      const code = error instanceof UketsukeError ? error.code : ''
      // The job of this time exists: it was created before the schedule was changed, or has been deleted.
      if (code === 'idempotency-key-reused' || code === 'job-not-found') return null
      this.#warn(name, error)
      return permanent.has(code) ? null : undefined
    }
  }

  #warn(name: string, error: unknown): void {
    if (this.#failing.has(name)) return
    this.#failing.add(name)
    const fields = name === '' ? { err: error } : { err: error, schedule: name }
    this.#parts.log.warn(fields, name === '' ? 'reading the schedules failed; retrying' : 'a schedule created no job')
  }
}

/** Whether both have the same times still to come. */
const isSame = (a: Schedule, b: Schedule) =>
  a.cron === b.cron && a.timezone === b.timezone && a.after === b.after && a.paused === b.paused

/** The schedule itself is wrong by now, such as an input that its schema no longer accepts. */
const permanent: ReadonlySet<string> = new Set([
  'validation-error',
  'unknown-job-type',
  'invalid-owner',
  'payload-too-large',
])
