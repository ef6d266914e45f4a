import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Backoff } from './domain/backoff.ts'
import type { Log } from './log.ts'

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
   * follows; an `UnrecoverableError` fails the job at once. A job can run more than once, so make its effects idempotent.
   */
  run: (context: JobContext<StandardSchemaV1.InferOutput<Schema>>) => Output | Promise<Output>
  /** Runs at the most; 3 by default. */
  maxAttempts?: number
  /** Waits between attempts, in milliseconds; 1 s doubling up to 10 minutes by default, with jitter. */
  backoff?: Partial<Backoff>
  /** Milliseconds an attempt may take; 1 hour by default. Past it the signal aborts and the attempt fails with code `timeout`. */
  timeout?: number
  /** Milliseconds that an ended job is kept; 30 days by default. */
  retention?: number
}

/** A job type: what `job()` makes and `createJobs` takes. */
export interface JobType<Schema extends StandardSchemaV1 = StandardSchemaV1, Output = unknown>
  extends Required<Omit<JobOptions<Schema, Output>, 'backoff'>> {
  readonly backoff: Backoff
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds types of any input and output; `InputOf` and `OutputOf` give them back.
export type JobTypes = Record<string, JobType<StandardSchemaV1<any, any>, any>>

/** What `enqueue` takes for a type. */
export type InputOf<T> = T extends JobType<infer Schema, infer _> ? StandardSchemaV1.InferInput<Schema> : never
/** What a completed job of a type has as `output`. */
export type OutputOf<T> = T extends JobType<infer _, infer Output> ? Awaited<Output> : never
