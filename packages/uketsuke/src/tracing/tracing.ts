import type { Job } from '../domain/job.ts'

/** Where the trace context of a request is. */
export interface Carrier {
  header(name: string): string | null
}

/** What creates jobs, for a span. */
export interface Sending {
  readonly type: string
  /** The number of jobs, if they are created together. */
  readonly count?: number | undefined
  readonly carrier?: Carrier | undefined
}

/** Spans of jobs, by the semantic conventions for messaging. */
export interface Tracing {
  /** Creates jobs in a PRODUCER span. `create` gets the trace context that the jobs carry. */
  send<T>(sending: Sending, create: (trace: string | null) => Promise<T>, jobOf: (created: T) => Job | null): Promise<T>
  /** Runs an attempt in a CONSUMER span, in the trace of the request that created the job. */
  process<T>(job: Job, run: () => Promise<T>): Promise<T>
  /** Makes an HTTP request in a CLIENT span, and adds the trace context to its headers. */
  request<T extends { status: number }>(
    job: Job,
    url: URL,
    headers: Record<string, string>,
    send: () => Promise<T>,
  ): Promise<T>
}

/** The id of the trace of a job, for logs. */
export function traceIdOf({ trace }: Pick<Job, 'trace'>): string | null {
  return trace === null ? null : (/"traceparent":"[0-9a-f]{2}-([0-9a-f]{32})-/.exec(trace)?.[1] ?? null)
}
