/** What a caller asks for, not yet checked: the body of `POST /`, or the arguments of `enqueue`. */
export interface AcceptRequest {
  owner: string
  type: unknown
  input: unknown
  priority?: unknown
  webhookUrl?: unknown
  /** Milliseconds from now. */
  delay?: unknown
  /** ISO 8601, or a Date. */
  runAt?: unknown
  metadata?: unknown
  idempotency?: Idempotency | undefined
}

/** The scope of a key is (owner, route, key). The key is 1…255 printable ASCII characters, already unquoted. */
export interface Idempotency {
  route: string
  key: string
}
