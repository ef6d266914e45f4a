import { isTerminal, type Job } from '../domain/job.ts'
import { type JobView, view } from '../domain/view.ts'
import type { JobService } from '../service.ts'
import { acceptedBody } from './accepted-body.ts'
import { etag } from './headers.ts'

/** What a route answers: a plain value, so that each server can send it in the way that costs it least. */
export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Streamed | null
}

/** A body that is written bit by bit. */
export interface Streamed {
  /** Nothing is written before the first `drained()`. */
  open(sink: Sink): void
  /** The reader takes more. */
  drained(): void
  /** The reader has gone, or never came. */
  close(): void
}

/** Where a stream's bytes go; a ServerResponse is one. */
export interface Sink {
  /** False: nothing more before `drained()`. */
  write(chunk: Uint8Array): boolean
  end(): unknown
  /** Cuts the connection. */
  destroy(): unknown
}

/** The header fields are the answer's own from here on. */
export function json(body: unknown, status: number, headers: Record<string, string>): HttpResponse {
  headers['Content-Type'] = 'application/json'
  return { status, headers, body: JSON.stringify(body) }
}

/** The job as one response tells it, and the header fields that go with it. */
export function represent(
  service: JobService,
  job: Job,
  position: number | null,
): { body: JobView; headers: Record<string, string> } {
  const body = view(job, service.base)
  if (position !== null) body.queuePosition = position
  return { body, headers: told(service, job, position ?? 1) }
}

function told(service: JobService, job: Job, position: number): Record<string, string> {
  const wait = retryAfter(job, service.clock.now(), position)
  const headers: Record<string, string> = { ETag: etag(job.version) }
  if (wait !== null) headers['Retry-After'] = String(wait)
  return headers
}

/** It may be absent, so no answer ever fails for want of it. */
export async function queuePositionIfCheap(service: JobService, job: Job): Promise<number | null> {
  try {
    return await service.position(job)
  } catch {
    return null
  }
}

/** Seconds after which a poll is worth while; null where there is nothing to come. A long queue or a long run is asked for less often. */
export function retryAfter(job: Job, now: number, position: number): number | null {
  if (isTerminal(job)) return null
  if (job.status === 'pending') {
    const due = Math.ceil((job.runAt - now) / 1_000)
    return due > 0 ? due : Math.min(30, 1 + Math.floor(position / 10))
  }
  const age = (now - (job.startedAt ?? now)) / 1_000
  return Math.min(30, Math.max(1, Math.ceil(age / 10)))
}

/**
 * 202 for a job that was accepted: `POST /`, a route of the user's own, and retry. Its place in the queue is left to the status: counting
 * those before it would cost as much as accepting it.
 */
export function accepted(service: JobService, job: Job, more: Record<string, string>): HttpResponse {
  const headers = told(service, job, 1)
  headers.Location = `${service.base}/${job.id}`
  headers['Cache-Control'] = 'no-store'
  for (const name in more) headers[name] = more[name] as string
  headers['Content-Type'] = 'application/json'
  return { status: 202, headers, body: acceptedBody(job, service.base) }
}
