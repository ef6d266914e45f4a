import { integerOption } from '../domain/numbers.ts'
import { longestWait, preferredWait, prefersAsync } from './headers.ts'
import type { HttpResponse } from './response.ts'

/** How long the response to a request for a job may be held. */
export interface Held {
  /** In seconds. */
  readonly seconds: number
  /** What the client asked for and gets, for `Preference-Applied`. */
  readonly applied: string | null
  /** Whether a completed job is answered with its output. */
  readonly quick: boolean
}

/**
 * How long to hold a response. The client's `Prefer: wait` counts, but on a route with `answerWithin` it can only shorten that, and
 * `Prefer: respond-async` turns it off.
 * @throws `invalid-configuration` for an `answerWithin` that is out of range
 */
export function heldFor(prefer: string | null, answerWithin: number | undefined): Held {
  const wait = preferredWait(prefer)
  if (answerWithin === undefined) {
    return { seconds: wait ?? 0, applied: wait === null ? null : `wait=${wait}`, quick: false }
  }
  const most = integerOption('answerWithin', answerWithin, 0, { min: 0, max: longestWait * 1_000, of: 'milliseconds' })
  if (prefersAsync(prefer)) return { seconds: 0, applied: 'respond-async', quick: false }
  const shorter = wait !== null && wait * 1_000 <= most
  return { seconds: shorter ? wait : most / 1_000, applied: shorter ? `wait=${wait}` : null, quick: true }
}

/** The 200 for a job that completed in time: its output is the body. */
export const quickAnswer = (output: string, location: string, more: Record<string, string>): HttpResponse => ({
  status: 200,
  headers: { 'Content-Type': 'application/json', 'Content-Location': location, 'Cache-Control': 'no-store', ...more },
  body: output,
})
