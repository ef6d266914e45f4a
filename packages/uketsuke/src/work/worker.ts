import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { type Clock, sleep } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { describe } from '../base/thrown.ts'
import type { Runnable } from '../definition/define.ts'
import type { Dispatch } from '../dispatch/port.ts'
import { prune } from '../dispatch/pruner.ts'
import { rescue } from '../dispatch/rescuer.ts'
import type { Job, Queue } from '../domain/job.ts'
import { isHeldBy } from '../domain/rules.ts'
import type { ChangeFeed } from '../notify/change-feed.ts'
import type { Store } from '../store/port.ts'
import type { Transition } from '../store/transition.ts'
import { type ExecuteParts, execute } from './execute.ts'
import { Fetcher } from './fetcher.ts'
import { heartbeat } from './heartbeat.ts'
import { HeldJob } from './lease.ts'
import { RunningJobs } from './running-jobs.ts'

export interface WorkerParts {
  store: Store
  transition: Transition
  dispatch: Dispatch
  changes: ChangeFeed
  clock: Clock
  log: Log
  /** How long a lease lasts, in milliseconds. */
  leaseMs: number
}

/** What one worker runs from one queue, and how many at a time. */
export interface WorkerQueue {
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
  readonly #running = new RunningJobs()
  readonly #stopping = new AbortController()
  readonly #stopped = new AbortController()
  readonly #loops: Promise<void>[]
  readonly #maintenance: Promise<void>[]
  #stop: Promise<void> | null = null

  constructor(parts: WorkerParts, queues: readonly WorkerQueue[]) {
    this.#parts = parts
    this.#execution = { ...parts, fractions: new Set() }
    this.#loops = queues.map((queue) => this.#loop(new Fetcher(queue, parts, this.#stopping.signal)))
    const unlisten = parts.changes.listen({
      known: () => this.#running.all().map(({ job }) => job),
      changed: (job) => this.#running.get(job.id)?.heard(job),
    })
    this.#stopped.signal.addEventListener('abort', unlisten)
    const mine = (job: Job) => {
      const lease = this.#running.get(job.id)?.lease
      return lease !== undefined && isHeldBy(lease, job)
    }
    const { signal } = this.#stopped
    this.#maintenance = [heartbeat(parts, this.#running, signal), rescue(parts, mine, signal), prune(parts, signal)]
  }

  /** The main loop: claim what there is room for, start it, wait until there may be more. */
  async #loop(fetcher: Fetcher): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const asked = this.#parts.clock.now()
      const jobs = await fetcher.claim(this.id)
      this.#parts.changes.announce(jobs)
      for (const job of jobs) this.#run(fetcher, job, asked)
      await fetcher.wait()
    }
    await fetcher.close()
  }

  #run(fetcher: Fetcher, job: Job, asked: number): void {
    const { clock, log, transition } = this.#parts
    const held = new HeldJob(job, transition, clock, asked)
    this.#running.add(held)
    // Claimed while the stop came in: given back without a run.
    if (this.#stopping.signal.aborted) held.abort('shutdown')
    void execute(held, fetcher.runnable(job.type), this.#execution, fetcher.left)
      .catch((error: unknown) =>
        log.error({ err: describe(error), jobId: job.id }, 'an attempt ended without an outcome'),
      )
      .then(() => this.#running.remove(held))
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
    const gaveUp = await Promise.race([this.#drain(drain).then(() => false), late])
    settled.abort()
    if (!gaveUp) return
    const jobs = this.#running.all().length
    log.error({ worker: this.id, jobs }, 'the store did not answer while this worker stopped; its leases will run out')
    this.#stopped.abort()
  }

  async #drain(drain: number): Promise<void> {
    const { clock } = this.#parts
    const overtime = new AbortController()
    const over = sleep(clock, drain, overtime.signal)
    await Promise.all(this.#loops)
    await Promise.race([this.#running.empty(), over])
    overtime.abort()
    for (const held of this.#running.all()) held.abort('shutdown')
    await this.#running.empty()
    this.#stopped.abort()
    await Promise.all(this.#maintenance)
  }
}
