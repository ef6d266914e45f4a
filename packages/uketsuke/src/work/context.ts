import type { Log } from '../base/log.ts'
import type { JobContext, JobFiles, LiveOutput } from '../definition/context.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { StreamMode } from '../domain/live-output.ts'
import type { LatestProgress } from '../domain/rules.ts'
import type { FileStorage } from '../files/port.ts'
import { traceIdOf } from '../tracing/tracing.ts'
import { Questions } from './ask.ts'
import { RunFiles } from './files.ts'
import type { JobLog } from './job-log.ts'
import type { HeldJob } from './lease.ts'
import { type LiveOutputParts, OutputWriter } from './live-output.ts'
import { ProgressWriter } from './progress.ts'
import { type Snooze, Snoozed, snoozeFor } from './snooze.ts'
import { type StepParts, Steps } from './steps.ts'

export type Enqueue = JobContext<unknown>['enqueue']

export interface ContextParts extends StepParts, LiveOutputParts {
  /** Where files are kept; null if nowhere. */
  readonly files: FileStorage | null
  readonly log: Log
  readonly jobLog: JobLog
  /** The job types with a warning about progress in fractions. */
  readonly fractions: Set<string>
  readonly enqueue: Enqueue
}

/** What a handler gets. Most handlers use little of it, so the costly parts are made on first use. */
export class Context implements JobContext<unknown> {
  input: unknown
  readonly jobId: string
  readonly owner: string
  readonly attempt: number
  readonly #held: HeldJob
  readonly #parts: ContextParts
  readonly #stream: StreamMode | null
  #own: Log | null = null
  #kept: Log | null = null
  #progress: ProgressWriter | null = null
  #steps: Steps | null = null
  #questions: Questions | null = null
  #files: RunFiles | null = null
  #output: OutputWriter | null = null
  #snooze: Snooze | null = null
  #ended = false

  constructor(held: HeldJob, parts: ContextParts, stream: StreamMode | null) {
    this.#stream = stream
    this.jobId = held.lease.id
    this.owner = held.job.owner
    this.attempt = held.lease.attempt
    this.#held = held
    this.#parts = parts
  }

  get enqueue(): Enqueue {
    return (type, input, options) => this.#parts.enqueue(type, input, { owner: this.owner, ...options })
  }

  get signal(): AbortSignal {
    return this.#held.signal
  }

  /** The handler's logger: its lines are kept with the job. */
  get log(): Log {
    this.#kept ??= this.#parts.jobLog.of(this.#held.job, this.attempt, this.workerLog)
    return this.#kept
  }

  /** For what the worker itself says about the job. */
  get workerLog(): Log {
    if (this.#own !== null) return this.#own
    const { job, lease } = this.#held
    const traceId = traceIdOf(job)
    const fields = { jobId: job.id, type: job.type, attempt: lease.attempt, worker: lease.worker }
    this.#own = this.#parts.log.child(traceId === null ? fields : { ...fields, traceId })
    return this.#own
  }

  get progress(): JobContext<unknown>['progress'] {
    const { clock, fractions } = this.#parts
    this.#progress ??= new ProgressWriter(this.#held, clock, this.workerLog, fractions)
    if (this.#ended) this.#progress.end()
    return this.#progress.say
  }

  get step(): JobContext<unknown>['step'] {
    this.#steps ??= new Steps(this.#held, this.#parts)
    return this.#steps.run as JobContext<unknown>['step']
  }

  get ask(): JobContext<unknown>['ask'] {
    this.#questions ??= new Questions(this.#held, this.#parts)
    return this.#questions.ask
  }

  get output(): LiveOutput {
    if (this.#stream === null) return notStreaming(this.#held.job.type)
    this.#output ??= new OutputWriter(this.#held, this.#parts, this.#stream)
    return this.#output
  }

  /** The live output of this run; null if it has none. */
  get liveOutput(): OutputWriter | null {
    return this.#output
  }

  get files(): JobFiles {
    this.#files ??= new RunFiles(this.#held, this.#parts.files)
    return this.#files
  }

  /** The files that the handler has saved; null if it has none. */
  get savedFiles(): RunFiles | null {
    return this.#files
  }

  get snooze(): JobContext<unknown>['snooze'] {
    return (ms, message) => {
      this.#snooze = snoozeFor(ms, message)
      throw new Snoozed()
    }
  }

  /** What the handler asked for with `snooze`, even if it caught the error that ends it. */
  get snoozed(): Snooze | null {
    return this.#snooze
  }

  /** Ends the attempt: later progress is not stored. Returns the latest progress if it may not be stored yet. */
  end(): LatestProgress | null {
    this.#ended = true
    this.#questions?.end()
    return this.#progress?.end() ?? null
  }
}

/** A handler may take `output` out of its context without writing. */
const notStreaming = (type: string): LiveOutput => ({
  write() {
    throw new UketsukeError(
      'invalid-configuration',
      `The job type ${type} needs the option stream to write live output.`,
    )
  },
})
