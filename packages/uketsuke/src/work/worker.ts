import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { sleep } from '../base/clock.ts'
import { describe } from '../base/thrown.ts'
import { prune } from '../dispatch/pruner.ts'
import { rescue } from '../dispatch/rescuer.ts'
import type { Job } from '../domain/job.ts'
import { isHeldBy } from '../domain/rules.ts'
import { sweepRegularly } from '../files/sweep.ts'
import { type ExecuteParts, execute } from './execute.ts'
import { Fetcher } from './fetcher.ts'
import { heartbeat } from './heartbeat.ts'
import { HeldJob } from './lease.ts'
import type { WorkerParts, WorkerQueue } from './parts.ts'
import { Presence } from './presence.ts'
import { RunningJobs } from './running-jobs.ts'

/** How long a stop waits for the store after the drain, in milliseconds. */
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
    const jobs = queues.find(({ queue }) => queue === 'jobs')
    const presence = new Presence(
      { ...parts, records: parts.store.records },
      {
        id: this.id,
        types: [...(jobs?.types.keys() ?? [])],
        concurrency: jobs?.concurrency ?? 0,
        running: () => this.#running.all().filter(({ job }) => job.queue === 'jobs').length,
      },
    )
    this.#loops = queues.map((queue) => this.#loop(new Fetcher(queue, parts, this.#stopping.signal, presence)))
    const unlisten = parts.changes.listen({
      isWorker: true,
      known: () => this.#running.all().map(({ job }) => job),
      changed: (job) => this.#running.get(job.id)?.onChange(job),
    })
    this.#stopped.signal.addEventListener('abort', unlisten)
    const mine = (job: Job) => {
      const lease = this.#running.get(job.id)?.lease
      return lease !== undefined && isHeldBy(lease, job)
    }
    const { signal } = this.#stopped
    this.#maintenance = [
      heartbeat(parts, this.#running, signal),
      rescue(parts, mine, signal),
      presence.run(signal),
      this.#tickAndPrune(signal),
      sweepRegularly(parts, signal),
      parts.admission.run(signal),
    ]
  }

  /** The first tick comes before the first pruning, which removes the keys of earlier times. */
  async #tickAndPrune(signal: AbortSignal): Promise<void> {
    const { ticker } = this.#parts
    const next = await ticker.tick()
    await Promise.all([ticker.run(this.#stopping.signal, next), prune(this.#parts, signal)])
  }

  /** The main loop: claim what there is room for, run it, wait until there may be more. */
  async #loop(fetcher: Fetcher): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const asked = this.#parts.clock.now()
      const jobs = await fetcher.claim(this.id)
      this.#parts.changes.announce(jobs)
      this.#parts.claimed(jobs)
      for (const job of jobs) this.#run(fetcher, job, asked)
      await fetcher.wait()
    }
    await fetcher.close()
  }

  #run(fetcher: Fetcher, job: Job, asked: number): void {
    const { clock, log, transition } = this.#parts
    const held = new HeldJob(job, transition, clock, asked)
    this.#running.add(held)
    // The stop came in during the claim: the job is given back without a run.
    if (this.#stopping.signal.aborted) held.abort('shutdown')
    void execute(held, fetcher.runnable(job.type), this.#execution, fetcher.jobEnded)
      .catch((error: unknown) => log.error({ err: describe(error), jobId: job.id }, 'attempt ended without an outcome'))
      .then(() => this.#running.remove(held))
  }

  /**
   * Claims nothing more, lets jobs run on for up to `drain` milliseconds (25 s by default), then gives the rest back without costing an
   * attempt. Idempotent.
   */
  stop({ drain = 25_000 }: { drain?: number } = {}): Promise<void> {
    this.#stop ??= this.#end(drain)
    return this.#stop
  }

  /** Bounded even where the store does not answer: what could not be given back goes to another worker when its lease expires. */
  async #end(drain: number): Promise<void> {
    this.#stopping.abort()
    const { clock, log } = this.#parts
    const settled = new AbortController()
    const late = sleep(clock, drain + giveUpAfter, settled.signal).then(() => true)
    const gaveUp = await Promise.race([this.#drain(drain).then(() => false), late])
    settled.abort()
    if (!gaveUp) return
    const jobs = this.#running.all().length
    log.error({ worker: this.id, jobs }, 'the store did not answer while this worker stopped; its leases will expire')
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
