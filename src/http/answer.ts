import type { Desk } from '../desk.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { type JobView, view } from '../domain/view.ts'
import { etag } from './headers.ts'

/** What a route answers: a plain value, so that each server can send it in the way that costs it least. */
export interface Answer {
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
export function json(body: unknown, status: number, headers: Record<string, string>): Answer {
  headers['Content-Type'] = 'application/json'
  return { status, headers, body: JSON.stringify(body) }
}

/** The job as one response tells it, and the header fields that go with it. */
export function represent(
  desk: Desk,
  job: Job,
  position: number | null,
): { body: JobView; headers: Record<string, string> } {
  const body = view(job, desk.base)
  if (position !== null) body.queuePosition = position
  const wait = retryAfter(job, desk.clock.now(), position ?? 1)
  const headers: Record<string, string> = { ETag: etag(job.version) }
  if (wait !== null) headers['Retry-After'] = String(wait)
  return { body, headers }
}

/** It may be absent, so no answer ever fails for want of it. */
export async function cheapPosition(desk: Desk, job: Job): Promise<number | null> {
  try {
    return await desk.position(job)
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
export function accepted(desk: Desk, job: Job, more: Record<string, string>): Answer {
  const { body, headers } = represent(desk, job, null)
  headers.Location = body.statusUrl
  headers['Cache-Control'] = 'no-store'
  return json(Object.assign(body, { message: message(job) }), 202, Object.assign(headers, more))
}

function message(job: Job): string {
  if (job.status === 'completed') return 'The job was accepted and has completed; its output is here.'
  if (job.status === 'failed') return 'The job was accepted and has failed; its error says why.'
  if (job.status === 'cancelled') return 'The job was accepted and has been cancelled.'
  const state = job.status === 'running' ? 'is running' : 'waits to run'
  return `The job was accepted and ${state}. Poll statusUrl, or open streamUrl, to see how it goes.`
}
