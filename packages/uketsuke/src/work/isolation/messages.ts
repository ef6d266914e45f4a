import type { Thrown } from '../../base/thrown.ts'
import type { JobContext } from '../../definition/context.ts'

/** What the worker tells the thread or the process of a handler. */
export type ToHandler =
  | { kind: 'run'; context: Pick<JobContext<unknown>, 'input' | 'jobId' | 'owner' | 'attempt'> }
  | { kind: 'abort'; name: string; message: string }
  /** The answer to a call. */
  | { kind: 'answer'; call: number; value?: unknown; error?: SentError }
  /** Runs the function of a step. */
  | { kind: 'step'; call: number }
  /** The next chunk of a stream that is saved. */
  | { kind: 'pull'; stream: number }

/** What the handler tells the worker. */
export type ToWorker =
  | { kind: 'ready' }
  | { kind: 'progress'; percent: number; message: string | undefined }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; fields: Record<string, unknown>; message: string }
  | { kind: 'call'; call: number; name: 'enqueue' | 'output' | 'step' | 'ask' | 'save'; values: readonly unknown[] }
  | { kind: 'stepped'; call: number; value?: unknown; error?: SentError }
  | { kind: 'chunk'; stream: number; chunk?: Uint8Array; done?: boolean; error?: SentError }
  | { kind: 'snooze'; ms: number; message: string | undefined }
  | { kind: 'returned'; value: unknown }
  | { kind: 'threw'; error: SentError }

/** An error, as it goes from one side to the other. */
export interface SentError extends Thrown {
  /** The class of this package that it is of. */
  readonly brand: 'JobError' | 'UketsukeError' | 'Snoozed' | null
  readonly retryable: boolean
}
