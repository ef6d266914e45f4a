import type { Carrier } from '../tracing/tracing.ts'

/** A request for a job before validation: the body of `POST /`, or the arguments of `enqueue`. */
export interface AcceptRequest {
  owner: string
  type: unknown
  input: unknown
  /** `input` comes from JSON text and belongs to this request: no copy is needed to validate what the handler will get. */
  inputIsJson?: true | undefined
  priority?: unknown
  webhookUrl?: unknown
  /** Milliseconds from now. */
  delay?: unknown
  /** An ISO 8601 string or a `Date`. */
  runAt?: unknown
  metadata?: unknown
  idempotency?: Idempotency | undefined
  /** Where the trace context is, if tracing is enabled. */
  carrier?: Carrier | undefined
  /** The trace context that the job carries. */
  trace?: string | null | undefined
}

/** The scope is (owner, route, key). The key is 1 to 255 printable ASCII characters, already unquoted. */
export interface Idempotency {
  route: string
  key: string
}
