import { demo, killWorker } from './api.js'
import { element } from './ticket.js'

/** @import { Job } from './types.d.ts' */

/** While a lease runs out: which attempt was lost. @type {{ jobId: string, attempt: number } | null} */
let lost = null
/** @type {number | undefined} */
let ticking

export async function showWorker() {
  const { worker } = await demo()
  element('worker').textContent = worker.pid === null ? 'a process that is just being started' : `process ${worker.pid}`
}

/**
 * Sends the worker a real SIGKILL, and shows the lease of the job in hand running out.
 * @param {() => Job | null} inHand the job as it stands when asked for: it may have ended while the order was under way
 */
export async function kill(inHand) {
  const { killed, leaseMs } = await killWorker()
  const job = inHand()
  if (killed === null) return say('There is no worker at this moment; the next one is being started.')
  setTimeout(() => void showWorker().catch(() => {}), 900)
  clearInterval(ticking)
  element('lease-bar').hidden = job?.status !== 'running'
  if (job?.status !== 'running') return say(`Worker ${killed} was killed, with no work in its hands.`)
  lost = { jobId: job.jobId, attempt: job.attempt }
  element('left').textContent = 'its worker is gone'
  say(
    `Worker ${killed} was killed. The lease on ticket ${job.jobId.slice(-6)} runs out within ${leaseMs / 1000} seconds.`,
  )
  countDown(performance.now() + leaseMs, leaseMs)
}

/** The last renewal may be up to a third of the lease ago: this is the longest that it can take. @param {number} end @param {number} leaseMs */
function countDown(end, leaseMs) {
  const draw = () => {
    const left = Math.max(0, end - performance.now())
    element('lease-bar').style.setProperty('--value', String((100 * left) / leaseMs))
    if (left === 0) clearInterval(ticking)
  }
  draw()
  ticking = setInterval(draw, 100)
}

/** Tells how the story goes on, from the job's own states. @param {Job} job */
export function afterKill(job) {
  if (lost === null || job.jobId !== lost.jobId) return
  const again = job.attempt > lost.attempt
  if (!again && job.status === 'running') return
  clearInterval(ticking)
  element('lease-bar').hidden = true
  if (job.status === 'completed')
    say(`Attempt ${lost.attempt} was lost with its worker. Attempt ${job.attempt} finished.`)
  else if (again) say(`The lease ran out. Attempt ${job.attempt} has begun.`)
  else say(`The lease ran out. The job waits for attempt ${job.attempt + 1}.`)
  if (job.completedAt !== null) lost = null
}

/** @param {string} text */
function say(text) {
  element('lease').hidden = false
  element('lease-text').textContent = text
}
