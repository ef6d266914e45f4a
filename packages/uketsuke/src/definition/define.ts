import type { StandardSchemaV1 } from '@standard-schema/spec'
import { assertConfiguration } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import { isThenable, text as textOf } from '../base/thrown.ts'
import { type Backoff, defaultBackoff, exponential } from '../domain/backoff.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { century, day, integerOption } from '../domain/numbers.ts'

/** What a handler gets. */
export interface JobContext<Input> {
  /** The input as the schema gives it, transforms included. */
  readonly input: Input
  /**
   * Says how far the job is: 0…100, and a sentence for whoever waits. Call it as often as you like; about ten a second are stored.
   * @throws {UketsukeError} `invalid-progress` for anything but a number from 0 to 100.
   */
  progress(percent: number, message?: string): void
  /** Aborts when the job is cancelled, takes too long, or is no longer this worker's. */
  readonly signal: AbortSignal
  /** 1 for the first run. */
  readonly attempt: number
  readonly jobId: string
  readonly owner: string
  /** Writes lines that name the job. */
  readonly log: Log
}

export interface JobOptions<Schema extends StandardSchemaV1, Output> {
  /** Any Standard Schema: zod, valibot, arktype… It is checked before a job is accepted and again before it runs. */
  input: Schema
  /**
   * Does the work. What it returns, which JSON must be able to hold, is the job's output. Throwing fails the attempt and another one
   * follows; an `UnrecoverableError` fails the job at once. Clients see the message of a `JobError` or an `UnrecoverableError`, and of no
   * other. A job can run more than once, so make its effects idempotent.
   */
  run: (context: JobContext<StandardSchemaV1.InferOutput<Schema>>) => Output | Promise<Output>
  /** Runs at the most, 1 to 1,000,000; 3 by default. */
  maxAttempts?: number
  /** Waits between attempts, in milliseconds, of 366 days at most; 1 s doubling up to 10 minutes by default, with jitter. */
  backoff?: Partial<Backoff>
  /** Milliseconds an attempt may take, up to 366 days; 1 hour by default. Past it the signal aborts and the attempt fails with code `timeout`. */
  timeout?: number
  /** Milliseconds that an ended job is kept, from 1 day to 100 years; 30 days by default. */
  retention?: number
}

/** A job type: what `job()` makes and `createJobs` takes. */
export interface JobType<Schema extends StandardSchemaV1 = StandardSchemaV1, Output = unknown>
  extends Required<Omit<JobOptions<Schema, Output>, 'backoff'>> {
  readonly backoff: Backoff
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds types of any input and output; `InputOf` and `OutputOf` give them back.
export type JobTypes = Record<string, JobType<any, any>>

const hour = 60 * 60_000
const ms = 'milliseconds'

/** Defines a job type. @throws {UketsukeError} `invalid-configuration` */
export function job<Schema extends StandardSchemaV1, Output>(
  options: JobOptions<Schema, Output>,
): JobType<Schema, Output> {
  assertConfiguration(
    typeof options.input?.['~standard']?.validate === 'function',
    'job(): input must be a Standard Schema, such as a zod schema',
  )
  assertConfiguration(typeof options.run === 'function', 'job(): run must be a function')
  const { base, max } = options.backoff ?? {}
  return {
    ...options,
    maxAttempts: integerOption('job(): maxAttempts', options.maxAttempts, 3, { min: 1, max: 1_000_000 }),
    timeout: integerOption('job(): timeout', options.timeout, hour, { min: 1, max: 366 * day, of: ms }),
    // As long as idempotency keys are kept, at least.
    retention: integerOption('job(): retention', options.retention, 30 * day, { min: day, max: century, of: ms }),
    backoff: {
      base: integerOption('job(): backoff.base', base, defaultBackoff.base, { min: 0, max: 366 * day, of: ms }),
      max: integerOption('job(): backoff.max', max, defaultBackoff.max, { min: 0, max: 366 * day, of: ms }),
    },
  }
}

/** How a worker runs a user's type. */
export function runnable(type: JobTypes[string], random: () => number): Runnable {
  const parsed = (checked: StandardSchemaV1.Result<unknown>): unknown => {
    if (!checked.issues) return checked.value
    throw new UketsukeError('invalid-input', textOf(checked.issues[0], 'message') || 'No reason was given.')
  }
  return {
    parse(text) {
      const checked = type.input['~standard'].validate(readable(text))
      return isThenable(checked) ? Promise.resolve(checked).then(parsed) : parsed(checked)
    },
    run: (context) => type.run(context),
    timeout: type.timeout,
    retryIn: (attempt) => exponential(type.backoff, attempt, random()),
  }
}

function readable(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UketsukeError('corrupt', 'The stored input is not JSON.', { cause: error })
  }
}

/** What `enqueue` takes for a type. */
export type InputOf<T> = T extends JobType<infer Schema, infer _> ? StandardSchemaV1.InferInput<Schema> : never
/** What a completed job of a type has as `output`. */
export type OutputOf<T> = T extends JobType<infer _, infer Output> ? Awaited<Output> : never

/** What a worker needs to know about a type to run it: a user's job type, or the system's own webhook delivery. */
export interface Runnable {
  /** Turns the stored text into what `run` gets, or a promise of it. @throws `invalid-input`, `corrupt` */
  parse(input: string): unknown
  run(context: JobContext<unknown>, job: Job): unknown
  readonly timeout: number
  /** Milliseconds from a failed attempt to the next. */
  retryIn(attempt: number, thrown: unknown): number
}
