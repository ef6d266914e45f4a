import type { Runnable } from '../define.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { Bell } from './bell.ts'
import type { Lanes, WorkerParts } from './worker.ts'

/** However good the hints are, the store is asked at least this often. Milliseconds. */
const pollMs = 1_000

/** One queue as one worker works it: how much room there is, what to claim, when to look again. */
export class Lane {
  readonly #lane: Lanes
  readonly #parts: WorkerParts
  readonly #types: readonly string[]
  readonly #bell = new Bell()
  readonly #unhint: () => void
  #running = 0
  #failing = false
  #cancelTimer = () => {}

  constructor(lane: Lanes, parts: WorkerParts, stopping: AbortSignal) {
    this.#lane = lane
    this.#parts = parts
    this.#types = [...lane.types.keys()]
    this.#unhint = parts.dispatch.receive(lane.queue, this.#bell.ring)
    stopping.addEventListener('abort', this.#bell.ring)
  }

  runnable(type: string): Runnable {
    const found = this.#lane.types.get(type)
    if (!found)
      throw new UketsukeError('unknown-job-type', `The store gave a job of type ${type}, which was not asked for.`)
    return found
  }

  /** Claims as many due jobs as there is room for; a store that is down gives none, and is asked again. */
  async claim(worker: string): Promise<Job[]> {
    const { store, leaseMs, log } = this.#parts
    const room = this.#lane.concurrency - this.#running
    if (room === 0) return []
    try {
      const jobs = await store.claim({ queue: this.#lane.queue, types: this.#types, limit: room, worker, leaseMs })
      if (this.#failing) log.info({ queue: this.#lane.queue }, 'claiming works again')
      this.#failing = false
      this.#running += jobs.length
      return jobs
    } catch (error) {
      if (!this.#failing) log.error({ err: error, queue: this.#lane.queue }, 'claiming failed; it goes on trying')
      this.#failing = true
      return []
    }
  }

  /** Until there may be something to claim: a hint, room again, the next due time, or the poll. */
  async wait(): Promise<void> {
    // With no room left it is the next job to end that rings.
    if (this.#running < this.#lane.concurrency) {
      const due = this.#failing ? null : await this.#nextDue()
      const wait = Math.max(0, Math.min(pollMs, due === null ? pollMs : due - this.#parts.clock.now()))
      this.#cancelTimer = this.#parts.clock.after(wait, this.#bell.ring)
    }
    await this.#bell.rung()
    this.#cancelTimer()
  }

  async #nextDue(): Promise<number | null> {
    return this.#parts.store.nextDue(this.#lane.queue, this.#types).catch(() => null)
  }

  /** A job has ended. */
  left(): void {
    this.#running--
    this.#bell.ring()
  }

  close(): void {
    this.#unhint()
    this.#cancelTimer()
  }
}
