import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { type Clock, sleep } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { describe } from '../base/thrown.ts'
import type { Runnable } from '../definition/define.ts'
import type { Dispatch } from '../dispatch/port.ts'
import { sweep } from '../dispatch/rescuer.ts'
import type { Job, Queue } from '../domain/job.ts'
import { holds } from '../domain/rules.ts'
import type { Signal } from '../notify/change-feed.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'
import { type ExecuteParts, execute } from './execute.ts'
import { Lane } from './fetcher.ts'
import { heartbeat } from './heartbeat.ts'
import { HeldJob } from './lease.ts'
import { Roster } from './running-jobs.ts'

export interface WorkerParts {
  store: Store
  transition: Transition
  dispatch: Dispatch
  signal: Signal
  clock: Clock
  log: Log
  /** How long a lease lasts, in milliseconds. */
  leaseMs: number
}

/** What one worker runs from one queue, and how many at a time. */
export interface Lanes {
  queue: Queue
  types: ReadonlyMap<string, Runnable>
  concurrency: number
}

/** How long a stop waits for the store once the drain is over, in milliseconds. */
const giveUpAfter = 2_000

/** Claims due jobs and runs them, until it is stopped. */
export class Worker {
  readonly id = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  readonly #parts: WorkerParts
  readonly #execution: ExecuteParts
  readonly #held = new Roster()
  readonly #stopping = new AbortController()
  readonly #stopped = new AbortController()
  readonly #loops: Promise<void>[]
  readonly #upkeep: Promise<void>[]
  #stop: Promise<void> | null = null

  constructor(parts: WorkerParts, lanes: readonly Lanes[]) {
    this.#parts = parts
    this.#execution = { ...parts, fractions: new Set() }
    this.#loops = lanes.map((lane) => this.#loop(new Lane(lane, parts, this.#stopping.signal)))
    const unlisten = parts.signal.listen({
      known: () => this.#held.all().map(({ job }) => job),
      changed: (job) => this.#held.get(job.id)?.heard(job),
    })
    this.#stopped.signal.addEventListener('abort', unlisten)
    const mine = (job: Job) => {
      const lease = this.#held.get(job.id)?.lease
      return lease !== undefined && holds(lease, job)
    }
    this.#upkeep = [heartbeat(parts, this.#held, this.#stopped.signal), sweep(parts, mine, this.#stopped.signal)]
  }

  /** The main loop: claim what there is room for, start it, wait until there may be more. */
  async #loop(lane: Lane): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const asked = this.#parts.clock.now()
      const jobs = await lane.claim(this.id)
      this.#parts.signal.announce(jobs)
      for (const job of jobs) this.#run(lane, job, asked)
      await lane.wait()
    }
    await lane.close()
  }

  #run(lane: Lane, job: Job, asked: number): void {
    const { clock, log, transition } = this.#parts
    const held = new HeldJob(job, transition, clock, asked)
    this.#held.add(held)
    // Claimed while the stop came in: given back without a run.
    if (this.#stopping.signal.aborted) held.abort('shutdown')
    void execute(held, lane.runnable(job.type), this.#execution, lane.left)
      .catch((error: unknown) =>
        log.error({ err: describe(error), jobId: job.id }, 'an attempt ended without an outcome'),
      )
      .then(() => this.#held.remove(held))
  }

  /**
   * Claims nothing more, lets what runs finish for up to `drain` milliseconds (25 s by default), gives the rest back at once
   * without costing an attempt. Idempotent.
   */
  stop({ drain = 25_000 }: { drain?: number } = {}): Promise<void> {
    this.#stop ??= this.#end(drain)
    return this.#stop
  }

  /** Bounded, also where the store says nothing: what could not be given back is another worker's once its lease has run out. */
  async #end(drain: number): Promise<void> {
    this.#stopping.abort()
    const { clock, log } = this.#parts
    const settled = new AbortController()
    const late = sleep(clock, drain + giveUpAfter, settled.signal).then(() => true)
    const gaveUp = await Promise.race([this.#settle(drain).then(() => false), late])
    settled.abort()
    if (!gaveUp) return
    const jobs = this.#held.all().length
    log.error({ worker: this.id, jobs }, 'the store did not answer while this worker stopped; its leases will run out')
    this.#stopped.abort()
  }

  async #settle(drain: number): Promise<void> {
    const { clock } = this.#parts
    const overtime = new AbortController()
    const over = sleep(clock, drain, overtime.signal)
    await Promise.all(this.#loops)
    await Promise.race([this.#held.empty(), over])
    overtime.abort()
    for (const held of this.#held.all()) held.abort('shutdown')
    await this.#held.empty()
    this.#stopped.abort()
    await Promise.all(this.#upkeep)
  }
}
