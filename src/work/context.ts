import type { Clock } from '../clock.ts'
import type { JobContext } from '../define.ts'
import type { Log } from '../log.ts'
import type { HeldJob } from './lease.ts'
import { ProgressWriter } from './progress.ts'

/** What a handler gets. Most handlers use little of it, so the costly parts are made when they are asked for. */
export class Context implements JobContext<unknown> {
  input: unknown
  readonly jobId: string
  readonly owner: string
  readonly attempt: number
  readonly #held: HeldJob
  readonly #clock: Clock
  readonly #log: Log
  #own: Log | null = null
  #progress: ProgressWriter | null = null
  #ended = false

  constructor(held: HeldJob, clock: Clock, log: Log) {
    this.jobId = held.lease.id
    this.owner = held.job.owner
    this.attempt = held.lease.attempt
    this.#held = held
    this.#clock = clock
    this.#log = log
  }

  get signal(): AbortSignal {
    return this.#held.signal
  }

  get log(): Log {
    this.#own ??= this.#log.child({ jobId: this.jobId, type: this.#held.job.type, attempt: this.attempt })
    return this.#own
  }

  get progress(): JobContext<unknown>['progress'] {
    this.#progress ??= new ProgressWriter(this.#held, this.#clock, this.log)
    if (this.#ended) this.#progress.end()
    return this.#progress.say
  }

  /** The attempt is over: what is said from now on is not stored. */
  end(): void {
    this.#ended = true
    this.#progress?.end()
  }
}
