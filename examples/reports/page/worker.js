import { demo, killWorker } from './api.js'
import { element } from './ticket.js'

/** @import { Job } from './types.d.ts' */

/** The attempt that was lost with its worker, while its lease expires. @type {{ jobId: string, attempt: number } | null} */
let lost = null
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking

export async function showWorker() {
  const { worker } = await demo()
  element('worker').textContent = worker.pid === null ? 'a new process (starting)' : `process ${worker.pid}`
}

/**
 * Kills the worker with a real SIGKILL, and shows how the lease of the current job expires.
 * @param {() => Job | null} currentJob returns the latest state of the job, which may have ended during the request
 */
export async function kill(currentJob) {
  const { killed, leaseMs } = await killWorker()
  const job = currentJob()
  if (killed === null) return showNote('No worker is running. The next one is starting.')
  setTimeout(() => void showWorker().catch(() => {}), 900)
  clearInterval(ticking)
  element('lease-bar').hidden = job?.status !== 'running'
  if (job?.status !== 'running') return showNote(`Worker ${killed} was killed. It was not running a job.`)
  lost = { jobId: job.jobId, attempt: job.attempt }
  element('left').textContent = 'worker killed'
  showNote(
    `Worker ${killed} was killed. The lease of job ${job.jobId.slice(-6)} expires within ${leaseMs / 1000} seconds.`,
  )
  countDown(performance.now() + leaseMs, leaseMs)
}

/** Counts down the maximum time: the last renewal may be up to a third of the lease ago. @param {number} end @param {number} leaseMs */
function countDown(end, leaseMs) {
  const draw = () => {
    const left = Math.max(0, end - performance.now())
    element('lease-bar').style.setProperty('--value', String((100 * left) / leaseMs))
    if (left === 0) clearInterval(ticking)
  }
  draw()
  ticking = setInterval(draw, 100)
}

/** Describes what happens after the kill, from the states of the job. @param {Job} job */
export function afterKill(job) {
  if (lost === null || job.jobId !== lost.jobId) return
  const again = job.attempt > lost.attempt
  if (!again && job.status === 'running') return
  clearInterval(ticking)
  element('lease-bar').hidden = true
  if (job.status === 'completed')
    showNote(`Attempt ${lost.attempt} was lost with its worker. Attempt ${job.attempt} completed.`)
  else if (again) showNote(`The lease expired. Attempt ${job.attempt} has started.`)
  else showNote(`The lease expired. The job is waiting for attempt ${job.attempt + 1}.`)
  if (job.completedAt !== null) lost = null
}

/** @param {string} text */
function showNote(text) {
  element('lease').hidden = false
  element('lease-text').textContent = text
}
