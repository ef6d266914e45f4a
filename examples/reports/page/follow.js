/** @import { Job, JobEvent } from './types.d.ts' */

/**
 * Follows a job with the native EventSource until it ends. Each event contains the complete job, so a reload, a second tab or a reconnect
 * needs no earlier events.
 * @param {string} jobId
 * @param {{ onEvent: (event: JobEvent) => void, onConnection: (state: 'open' | 'lost' | 'gone') => void }} listener
 * @returns {() => void} stops following
 */
export function follow(jobId, { onEvent, onConnection }) {
  const source = new EventSource(`/api/jobs/${encodeURIComponent(jobId)}/stream`)
  source.onopen = () => onConnection('open')
  source.onmessage = ({ data }) => {
    /** @type {JobEvent} */
    const event = JSON.parse(data)
    // The server ends the stream after this event. Close, or the browser would reconnect once more.
    if (event.data.completedAt !== null) source.close()
    onEvent(event)
  }
  // CONNECTING: the browser reconnects by itself. CLOSED: it has given up.
  source.onerror = () => onConnection(source.readyState === EventSource.CLOSED ? 'gone' : 'lost')
  return () => source.close()
}

/**
 * The remaining seconds, as the server estimates them. Null if it cannot tell.
 * @param {JobEvent} event
 */
export function secondsLeft({ timestamp, data }) {
  if (data.status !== 'running' || !data.estimatedCompletionAt || data.progress < 8) return null
  return Math.max(1, Math.round((Date.parse(data.estimatedCompletionAt) - Date.parse(timestamp)) / 1000))
}

/**
 * The history of a job, derived from its current state.
 * @param {Job} job
 * @returns {{ at: string | null, text: string, lost?: boolean }[]}
 */
export function trail(job) {
  const { attempt, status, startedAt, completedAt, cancelRequestedAt, createdAt, error, lastError } = job
  const ended = Math.max(0, status === 'pending' ? attempt : attempt - 1)
  const before = Array.from({ length: ended }, (_, index) => {
    const why = index === ended - 1 && lastError ? `: ${lastError.message}` : ''
    return { at: null, text: `Attempt ${index + 1} did not finish${why}`, lost: true }
  })
  const begun = status !== 'pending' && attempt > 0 && startedAt !== null
  return [
    { at: createdAt, text: 'Accepted and stored' },
    ...before,
    ...(begun ? [{ at: startedAt, text: `Attempt ${attempt} started` }] : []),
    ...(cancelRequestedAt !== null ? [{ at: cancelRequestedAt, text: 'Cancellation requested' }] : []),
    ...(completedAt !== null ? [{ at: completedAt, text: error?.message ?? 'Completed' }] : []),
  ]
}
