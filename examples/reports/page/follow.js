/** @import { Job, JobEvent } from './types.d.ts' */

/**
 * Follows one job over native EventSource until it ends. Each event carries the whole job, so that a reload, a second tab and a lost
 * connection need nothing that was sent before.
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
    // The server ends the stream here; without this the browser would come back to ask once more.
    if (event.data.completedAt !== null) source.close()
    onEvent(event)
  }
  // While it is CONNECTING the browser is trying again by itself; CLOSED means that it has given up.
  source.onerror = () => onConnection(source.readyState === EventSource.CLOSED ? 'gone' : 'lost')
  return () => source.close()
}

/**
 * Seconds that are left, if the pace stays what it was in this attempt; null where that would be a guess.
 * @param {JobEvent} event
 */
export function secondsLeft({ timestamp, data: { status, progress, startedAt } }) {
  if (status !== 'running' || startedAt === null || progress < 8) return null
  const spent = Date.parse(timestamp) - Date.parse(startedAt)
  return Math.max(1, Math.round((spent * (100 - progress)) / progress / 1000))
}

/**
 * What has happened to a job, from its present state alone.
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
    { at: createdAt, text: 'Accepted, and on disk' },
    ...before,
    ...(begun ? [{ at: startedAt, text: `Attempt ${attempt} began` }] : []),
    ...(cancelRequestedAt !== null ? [{ at: cancelRequestedAt, text: 'Asked to stop' }] : []),
    ...(completedAt !== null ? [{ at: completedAt, text: error?.message ?? 'Completed' }] : []),
  ]
}
