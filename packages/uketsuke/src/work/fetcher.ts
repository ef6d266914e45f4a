import { clearTimeout, setTimeout } from '../base/timers.ts'
import { Wakeup } from '../base/wakeup.ts'
import type { Runnable } from '../definition/define.ts'
import type { Receiver } from '../dispatch/port.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { ClaimQuery } from '../store/port.ts'
import { Demand } from './demand.ts'
import type { WorkerParts, WorkerQueue } from './parts.ts'
import type { Presence } from './presence.ts'

/** However good the hints are, the store is polled at least this often. Milliseconds. */
const pollMs = 1_000

/** After so many jobs of high priority in a row, a claim begins with others: they are not held up for ever. */
const mostHigh = 20

/** Claims jobs of one queue for one worker: as many as there is room for, and as soon as there may be some. */
export class Fetcher {
  readonly #queue: WorkerQueue
  readonly #parts: WorkerParts
  readonly #types: readonly string[]
  readonly #presence: Presence
  readonly #wakeup = new Wakeup()
  readonly #receiver: Receiver
  readonly #demand = new Demand()
  #running = 0
  #failing = false
  /** The jobs of high priority that were claimed since the last normal one. */
  #highs = 0
  #cancelTimer = () => {}
  #gathering: NodeJS.Timeout | null = null

  constructor(queue: WorkerQueue, parts: WorkerParts, stopping: AbortSignal, presence: Presence) {
    this.#presence = presence
    this.#queue = queue
    this.#parts = parts
    this.#types = [...queue.types.keys()]
    this.#receiver = parts.dispatch.receive({
      queue: queue.queue,
      types: this.#types,
      hint: (jobs) => {
        this.#demand.hint(jobs)
        this.#wakeup.notify()
      },
    })
    stopping.addEventListener('abort', this.#wakeup.notify)
  }

  runnable(type: string): Runnable {
    const found = this.#queue.types.get(type)
    if (!found) throw new UketsukeError('unknown-job-type', `The store returned a job of type ${type}, unasked.`)
    return found
  }

  /** Claims the jobs that are due. A store that is down gives none, and is asked again. */
  async claim(worker: string): Promise<Job[]> {
    const room = this.#room
    const { limit, hints } = this.#demand.claim(room)
    const jobs = limit === 0 ? [] : await this.#claim(worker, limit)
    this.#running += jobs.length
    this.#demand.claimed(jobs.length, room)
    // A job may have ended while the claim was under way.
    if (this.#room > 0 && this.#demand.roomMade()) this.#claimSoon()
    this.#receiver.claimed({ hints, found: jobs.length, room: this.#failing ? 0 : this.#room })
    return jobs
  }

  get #room(): number {
    return this.#queue.concurrency - this.#running
  }

  async #claim(worker: string, limit: number): Promise<Job[]> {
    const { store, leaseMs, log } = this.#parts
    const { queue } = this.#queue
    const types = this.#presence.claimable(this.#types)
    if (types.length === 0) return []
    try {
      const jobs = await this.#fairly({ queue, types, limit, worker, leaseMs }, store)
      if (this.#failing) log.info({ queue }, 'claiming jobs works again')
      this.#failing = false
      return jobs
    } catch (error) {
      if (!this.#failing) log.error({ err: error, queue }, 'claiming jobs failed; retrying')
      this.#failing = true
      return []
    }
  }

  /** High priority first, except that a tenth of a claim is left to other jobs once many of high priority came before them. */
  async #fairly(query: ClaimQuery, store: WorkerParts['store']): Promise<Job[]> {
    const turn = this.#highs < mostHigh ? 0 : Math.ceil(query.limit / 10)
    const normal = turn === 0 ? [] : await store.claim({ ...query, limit: turn, priority: 'normal' })
    const limit = query.limit - normal.length
    // What the first of two claims has found is not lost if the second fails.
    const rest = limit === 0 ? [] : store.claim({ ...query, limit })
    const jobs = normal.length === 0 ? await rest : [...normal, ...(await Promise.resolve(rest).catch(() => []))]
    if (turn > 0 || jobs.some(({ priority }) => priority === 'normal')) this.#highs = 0
    else this.#highs += jobs.length
    return jobs
  }

  /** Waits until there may be something to claim: a hint, room again, the next due time or the poll. */
  async wait(): Promise<void> {
    // Without room, the next job to end wakes this up.
    if (this.#room > 0 && !this.#wakeup.isPending && this.#gathering === null) {
      const due = this.#failing ? null : await this.#nextDue()
      const wait = Math.max(0, Math.min(pollMs, due === null ? pollMs : due - this.#parts.clock.now()))
      this.#cancelTimer = this.#parts.clock.after(wait, this.#poll)
    }
    await this.#wakeup.wait()
    this.#cancelTimer()
    this.#stopGathering()
  }

  readonly #poll = (): void => {
    this.#demand.hint()
    this.#wakeup.notify()
  }

  async #nextDue(): Promise<number | null> {
    // Without the types that may not be claimed: their due jobs would make this a loop without a pause.
    const types = this.#presence.claimable(this.#types)
    return types.length === 0 ? null : this.#parts.store.nextDue(this.#queue.queue, types).catch(() => null)
  }

  /** A handler has ended. */
  readonly jobEnded = (): void => {
    this.#running--
    if (this.#demand.roomMade()) this.#claimSoon()
  }

  /** A claim of many jobs costs little more than one of a single job, so a queue that was full may wait for more places. */
  #claimSoon(): void {
    const { concurrency, gatherMs } = this.#queue
    if (gatherMs === undefined || this.#room >= concurrency / 4) this.#wakeup.notify()
    else this.#gathering ??= setTimeout(this.#wakeup.notify, gatherMs)
  }

  #stopGathering(): void {
    if (this.#gathering === null) return
    clearTimeout(this.#gathering)
    this.#gathering = null
  }

  async close(): Promise<void> {
    this.#cancelTimer()
    this.#stopGathering()
    await this.#receiver.close()
  }
}
