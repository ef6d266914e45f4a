import { Wakeup } from '../base/wakeup.ts'
import type { Runnable } from '../definition/define.ts'
import type { Receiver } from '../dispatch/port.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { WorkerParts, WorkerQueue } from './worker.ts'

/** However good the hints are, the store is asked at least this often. Milliseconds. */
const pollMs = 1_000

/** One queue as one worker works it: how much room there is, what to claim, when to look again. */
export class Fetcher {
  readonly #lane: WorkerQueue
  readonly #parts: WorkerParts
  readonly #types: readonly string[]
  readonly #bell = new Wakeup()
  readonly #receiver: Receiver
  #running = 0
  /** How many jobs were announced to this lane alone since the last claim. */
  #hinted = 0
  /** There may be more than was announced: the claim takes all there is room for. */
  #look = true
  /** The last claim took all that there was room for: there may be more, for whoever makes room. */
  #full = false
  #failing = false
  #cancelTimer = () => {}

  constructor(lane: WorkerQueue, parts: WorkerParts, stopping: AbortSignal) {
    this.#lane = lane
    this.#parts = parts
    this.#types = [...lane.types.keys()]
    this.#receiver = parts.dispatch.receive({
      queue: lane.queue,
      types: this.#types,
      hint: (jobs) => {
        if (jobs === undefined) this.#look = true
        else this.#hinted += jobs
        this.#bell.notify()
      },
    })
    stopping.addEventListener('abort', this.#bell.notify)
  }

  runnable(type: string): Runnable {
    const found = this.#lane.types.get(type)
    if (!found)
      throw new UketsukeError('unknown-job-type', `The store gave a job of type ${type}, which was not asked for.`)
    return found
  }

  /**
   * Claims as many due jobs as there is room for, but no more than were announced where that is all that is known: the others were
   * announced to other workers. A store that is down gives none, and is asked again.
   */
  async claim(worker: string): Promise<Job[]> {
    const seen = this.#hinted
    const room = this.#room
    const limit = this.#look ? room : Math.min(room, seen)
    this.#hinted = 0
    this.#look &&= room === 0
    const jobs = limit === 0 ? [] : await this.#claim(worker, limit)
    this.#running += jobs.length
    this.#full = jobs.length === room
    // Room was made while the claim was under way.
    if (this.#full && this.#room > 0) this.#lookAgain()
    this.#receiver.ready({ seen, found: jobs.length, room: this.#failing ? 0 : this.#room })
    return jobs
  }

  get #room(): number {
    return this.#lane.concurrency - this.#running
  }

  async #claim(worker: string, limit: number): Promise<Job[]> {
    const { store, leaseMs, log } = this.#parts
    const { queue } = this.#lane
    try {
      const jobs = await store.claim({ queue, types: this.#types, limit, worker, leaseMs })
      if (this.#failing) log.info({ queue }, 'claiming works again')
      this.#failing = false
      return jobs
    } catch (error) {
      if (!this.#failing) log.error({ err: error, queue }, 'claiming failed; it goes on trying')
      this.#failing = true
      return []
    }
  }

  /** Until there may be something to claim: a hint, room again, the next due time, or the poll. */
  async wait(): Promise<void> {
    // With no room left it is the next job to end that rings. Where it has rung already there is no time to wait for.
    if (this.#room > 0 && !this.#bell.isPending) {
      const due = this.#failing ? null : await this.#nextDue()
      const wait = Math.max(0, Math.min(pollMs, due === null ? pollMs : due - this.#parts.clock.now()))
      this.#cancelTimer = this.#parts.clock.after(wait, this.#lookAgain)
    }
    await this.#bell.wait()
    this.#cancelTimer()
  }

  readonly #lookAgain = (): void => {
    this.#look = true
    this.#bell.notify()
  }

  async #nextDue(): Promise<number | null> {
    return this.#parts.store.nextDue(this.#lane.queue, this.#types).catch(() => null)
  }

  /** A handler has ended. */
  readonly left = (): void => {
    this.#running--
    if (this.#full) this.#lookAgain()
  }

  async close(): Promise<void> {
    this.#cancelTimer()
    await this.#receiver.close()
  }
}
