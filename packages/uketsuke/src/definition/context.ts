import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { JobView } from '@uketsuke/client'
import type { Log } from '../base/log.ts'
import type { JsonOutput } from './json.ts'
import type { NewJobOptions } from './new-job-options.ts'

/** The argument of a job handler. */
export interface JobContext<Input> {
  /** The validated input, after the schema's transforms. */
  readonly input: Input
  /**
   * Reports progress: a number from 0 to 100 and an optional message for clients. Call it as often as you like; it is
   * stored about ten times per second. Within an attempt progress never decreases, and it stays below 100 until the job
   * completes.
   * @throws {UketsukeError} `invalid-progress` if `percent` is not a number from 0 to 100
   */
  progress(percent: number, message?: string): void
  /** Aborts when the job is cancelled, the attempt times out, or the worker loses its lease on the job. */
  readonly signal: AbortSignal
  /** 1 for the first attempt. */
  readonly attempt: number
  readonly jobId: string
  readonly owner: string
  /** A child of the `log` option that adds the job to each line. */
  readonly log: Log
  /**
   * Stores another job and resolves with it once it is on disk. It belongs to this job's owner by default. An attempt that is repeated
   * enqueues again: pass an `idempotencyKey` that contains `jobId` to get the same job. A handler that returns something from this
   * compiles; one that returns something from `jobs.enqueue` refers to itself, which TypeScript rejects (TS7022).
   * @throws {UketsukeError} as `jobs.enqueue` does
   */
  enqueue(type: string, input: unknown, options?: NewJobOptions): Promise<JobView>
  /**
   * Runs `fn` once for the whole job: its result is stored, and a later attempt gets the stored one instead of running `fn` again. Resolves
   * with the result in its JSON form. If the process dies after the effect of `fn` and before the result is stored, `fn` runs again. A name
   * stands for one step of the job: 1 to 255 characters, at most 1,000 names.
   * @throws {UketsukeError} `invalid-step` for a name that is invalid or was used before in this attempt; `invalid-output` for a result
   * that JSON cannot represent or that exceeds `limits.outputBytes`; what `fn` throws; the reason of `signal` if it has aborted
   */
  step<Result>(name: string, fn: () => Result | Promise<Result>): Promise<JsonOutput<Result>>
  /**
   * Asks the user of the client a question, and resolves with the answer. The handler waits meanwhile, and keeps its place in the worker.
   * Question and answer are stored with the job: a later attempt gets an answer that was given before, and asks again what is still open. A
   * name stands for one question of the job, like that of a step; a job asks at most 100. An answer that `schema` refuses is asked for
   * again, with the reason. Only clients of `jobs.mcp()` that support elicitation are asked, and whoever calls `jobs.answer`.
   * @throws {UketsukeError} `not-answered` once `within` has passed; `invalid-question` for a name that is invalid or was used before in
   * this attempt, an invalid message, or a schema that is no flat object of texts, numbers, booleans and choices; `invalid-configuration`
   * for `within`; the reason of `signal` if it aborts
   */
  ask<Content = object>(name: string, question: AskedQuestion<Content>): Promise<Answer<Content>>
  /**
   * Gives the job back, to run again in `ms` milliseconds, from 0 to 366 days, without spending an attempt: for a handler that has to wait
   * for others. It ends the handler by throwing. `message` replaces the progress message.
   * @throws always
   */
  snooze(ms: number, message?: string): never
  /** Output that clients see while it is written. Only for a type with the option `stream`. */
  readonly output: LiveOutput
  /** Files that the job hands over, such as a PDF. */
  readonly files: JobFiles
}

/** What a handler asks. */
export interface AskedQuestion<Content> {
  /** What the user reads, 1 to 2,000 characters. Never ask for a password or another secret: the client and its model see the answer. */
  message: string
  /**
   * Any Standard Schema for a flat object of texts, numbers, booleans and choices, from which the client makes a form. Default: no fields,
   * so that the user only accepts or declines.
   */
  schema?: StandardSchemaV1<unknown, Content> | undefined
  /**
   * How long to wait for the answer, in milliseconds, from 1 to 366 days. Default: 10 minutes. It counts from the first attempt that asks.
   * The `timeout` of the job type ends the attempt nevertheless.
   */
  within?: number | undefined
}

/** What the user has answered. `cancel` means that the question was dismissed without a decision. */
export type Answer<Content> = { action: 'accept'; content: Content } | { action: 'decline' | 'cancel'; content: null }

/** The live output of one run, for a type with the option `stream`. Each run has a stream of its own. */
export interface LiveOutput {
  /**
   * Adds a chunk: a string with `stream: 'text'`, a value that JSON can hold with `'json'`, bytes with `'binary'`. It is stored at once, then
   * about twenty times per second. The promise need not be awaited; awaiting it holds the handler up while much waits for the store.
   * @throws {UketsukeError} `invalid-output` for another kind of chunk; `output-too-long` beyond `limits.chunkBytes` or
   * `limits.streamBytes`; `invalid-configuration` without the option `stream`; the reason of `signal` if it has aborted
   */
  write(chunk: unknown): Promise<void>
}

/** What a handler saves as a file: bytes, a text, a web or Node.js stream of them, a `Blob`, or the file at a `file:` URL. */
export type FileData = Uint8Array | ArrayBuffer | string | Blob | URL | AsyncIterable<Uint8Array | string>

export interface SaveOptions {
  /** The media type. Default: by the extension of the name, else `application/octet-stream`. */
  contentType?: string
}

/** The files of one job. Those of the attempt that completes it are listed in the job; those of other attempts are removed. */
export interface JobFiles {
  /**
   * Saves a file, and resolves once it is on disk. It replaces a file of the same name. A name has 1 to 255 characters, without `/`, `\\`,
   * control characters and a leading dot. A job has at most 100 files.
   * @throws {UketsukeError} `invalid-file` for an invalid name, content type or data; `file-not-saved` if the storage fails, such as a full
   * disk; what the stream throws; the reason of `signal` if it has aborted
   */
  save(name: string, data: FileData, options?: SaveOptions): Promise<{ name: string; bytes: number; sha256: string }>
}
