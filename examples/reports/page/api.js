/** The HTTP client of the page. It uses the public API, and the browser sends the cookie. */

/** @import { Demo, Job, Problem, Receipt } from './types.d.ts' */

/** A problem response of the server (RFC 9457). */
export class ProblemError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail ?? problem.title)
    this.errors = problem.errors ?? []
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 */
async function call(path, init) {
  const response = await fetch(path, init)
  const body = await response.json()
  if (!response.ok) throw new ProblemError(body)
  return { body, response }
}

/**
 * Requests a report. Repeating the request with the same `key` returns the same job.
 * @param {{ startDate: string | undefined, endDate: string | undefined, pace: number }} order
 * @param {string} key
 * @returns {Promise<{ job: Job, replayed: boolean }>}
 */
export async function order(order, key) {
  const { receiver } = await demo()
  const { body, response } = await call('/api/reports/generate', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `"${key}"` },
    body: JSON.stringify({ ...order, webhookUrl: receiver }),
  })
  return { job: body, replayed: response.headers.get('Idempotent-Replayed') === 'true' }
}

/** Creates a job of another type. @param {string} type @returns {Promise<Job>} */
export async function start(type) {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': `"${crypto.randomUUID()}"` }
  return (await call('/api/jobs', { method: 'POST', headers, body: JSON.stringify({ type, input: {} }) })).body
}

/** A URL of a file that needs no credential, for 15 minutes. @param {string} url @returns {Promise<{ url: string, expiresAt: string }>} */
export async function link(url) {
  return (await call(`${url}/link`, { method: 'POST' })).body
}

/** @returns {Promise<Job[]>} newest first */
export async function recent() {
  const { body } = await call('/api/jobs?limit=8')
  return body.items
}

/** @param {Job} job */
export async function cancel(job) {
  await call(job.cancelUrl, { method: 'POST' })
}

/** @param {string} jobId @returns {Promise<Receipt | null>} */
export async function receiptOf(jobId) {
  const { body } = await call(`/api/demo/receipts/${jobId}`)
  return body.receipt
}

/** @returns {Promise<Demo>} */
export async function demo() {
  return (await call('/api/demo')).body
}

/** @returns {Promise<{ killed: number | null, leaseMs: number }>} */
export async function killWorker() {
  return (await call('/api/demo/kill-worker', { method: 'POST' })).body
}
