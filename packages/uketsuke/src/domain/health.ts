/** Whether a process can serve requests and run jobs. */
export interface Health {
  readonly ready: boolean
  /** `unavailable`: it does not answer, is not open yet, or its schema is not up to date. */
  readonly store: 'ok' | 'unavailable'
  /** Whether `close()` has been called. */
  readonly draining: boolean
}
