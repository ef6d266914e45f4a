import type { JobView } from '@uketsuke/client'
import type { Estimate } from '../domain/estimate.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { view } from '../domain/view.ts'
import type { JobService } from '../service.ts'
import { acceptedBody } from './accepted-body.ts'
import { etag } from './headers.ts'

/** The response of a route: a plain value, so that each server can send it in the cheapest way. */
export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Streamed | null
}

/** A body that is written in pieces. */
export interface Streamed {
  /** Writing starts with the first `drained()`. */
  open(sink: Sink): void
  /** The reader accepts more data. */
  drained(): void
  /** The reader disconnected, possibly before `open()`. */
  close(): void
}

/** The destination of a streamed body, such as a `ServerResponse`. */
export interface Sink {
  /** Returns false if the writer must wait for `drained()`. */
  write(chunk: Uint8Array): boolean
  end(): unknown
  /** Destroys the connection. */
  destroy(): unknown
}

/** A JSON response. Takes ownership of `headers`. */
export function json(body: unknown, status: number, headers: Record<string, string>): HttpResponse {
  headers['Content-Type'] = 'application/json'
  return { status, headers, body: JSON.stringify(body) }
}

/** For a caller who may not read. */
export const withoutOutput = (job: Job): Job => (job.output === null ? job : { ...job, output: null })

/** The representation of a job: its body and header fields. */
export function represent(
  service: JobService,
  job: Job,
  position: number | null,
): { body: JobView; headers: Record<string, string> } {
  const estimate = service.estimate(job)
  const body = view(job, service.base, estimate)
  if (position !== null) body.queuePosition = position
  return { body, headers: jobHeaders(service, job, position ?? 1, estimate) }
}

function jobHeaders(
  service: JobService,
  job: Job,
  position: number,
  estimate: Estimate | null = null,
): Record<string, string> {
  const wait = retryAfter(job, service.clock.now(), position, estimate)
  const headers: Record<string, string> = { ETag: etag(job.version) }
  if (wait !== null) headers['Retry-After'] = String(wait)
  return headers
}

/** The queue position is optional, so a failure to get it does not fail the response. */
export async function queuePositionIfCheap(service: JobService, job: Job): Promise<number | null> {
  try {
    return await service.position(job)
  } catch {
    return null
  }
}

/** The recommended polling delay in seconds, longer for long queues and long runs, at most 30; null for a terminal job. */
export function retryAfter(job: Job, now: number, position: number, estimate: Estimate | null = null): number | null {
  if (isTerminal(job)) return null
  if (job.status === 'pending') {
    const due = Math.ceil((job.runAt - now) / 1_000)
    return due > 0 ? due : Math.min(30, 1 + Math.floor(position / 10))
  }
  // A few polls until then, closer and closer.
  if (estimate !== null) return Math.min(30, Math.max(1, Math.ceil((estimate.at - now) / 4_000)))
  const age = (now - (job.startedAt ?? now)) / 1_000
  return Math.min(30, Math.max(1, Math.ceil(age / 10)))
}

/**
 * The 202 for an accepted job, for `POST /`, a user's own route and retry. It has no queue position: counting the jobs before it would
 * cost as much as accepting it.
 */
export function accepted(
  service: JobService,
  job: Job,
  more: Record<string, string>,
  deduplicated: boolean,
): HttpResponse {
  const headers = jobHeaders(service, job, 1)
  headers.Location = `${service.base}/${job.id}`
  headers['Cache-Control'] = 'no-store'
  for (const name in more) headers[name] = more[name] as string
  headers['Content-Type'] = 'application/json'
  return { status: 202, headers, body: acceptedBody(job, service.base, deduplicated) }
}
