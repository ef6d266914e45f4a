import { cancel, order, ProblemError, receiptOf, recent, start } from './api.js'
import { follow } from './follow.js'
import { readText } from './live-text.js'
import { element, nameOf, numberOf, showReceipt, showText, showTicket, statusOf } from './ticket.js'
import { afterKill, kill, showWorker } from './worker.js'

/** @import { Job } from './types.d.ts' */

const form = /** @type {HTMLFormElement} */ (element('order'))

/** The idempotency key of the form: submitting it twice creates one job. */
let key = crypto.randomUUID()
/** The job in view. @type {Job | null} */
let current = null
let stopFollowing = () => {}
let stopReading = () => {}
/** The id of the job whose webhook receipt is awaited. */
let awaited = ''

form.addEventListener('input', newForm)
form.addEventListener('submit', (event) => {
  event.preventDefault()
  void guard(submit)
})
element('cancel').addEventListener('click', () => void guard(async () => current && cancel(current)))
for (const button of document.querySelectorAll('button[data-type]')) {
  button.addEventListener('click', () => {
    void guard(async () => {
      location.hash = (await start(/** @type {HTMLElement} */ (button).dataset.type ?? '')).jobId
      await showEarlier()
    })
  })
}
element('kill').addEventListener('click', () => void guard(() => kill(() => current)))
window.addEventListener('hashchange', () => open(location.hash.slice(1)))
// Another tab may have created jobs, or jobs may have ended.
document.addEventListener('visibilitychange', () => void guard(showEarlier))

function newForm() {
  key = crypto.randomUUID()
  note('Submitting twice creates one job: the request has an idempotency key.')
}

async function submit() {
  const filled = new FormData(form)
  const [startDate, endDate, pace] = ['startDate', 'endDate', 'pace'].map((name) => String(filled.get(name)))
  showErrors([])
  const { job, replayed } = await order({ startDate, endDate, pace: Number(pace) }, key)
  note(replayed ? `Job ${numberOf(job)} exists already: same idempotency key.` : `Accepted: job ${numberOf(job)}.`)
  if (location.hash === `#${job.jobId}`) return
  location.hash = job.jobId
  await showEarlier()
}

/** Shows a job and follows it. @param {string} jobId */
function open(jobId) {
  stopFollowing()
  stopReading()
  stopReading = () => {}
  showText('')
  if (jobId === '') return
  let reading = false
  let status = ''
  awaited = ''
  stopFollowing = follow(jobId, {
    onEvent(event) {
      const job = event.data
      current = job
      showTicket(event)
      afterKill(job)
      if (job.type === 'tell-weather' && !reading) stopReading = readText(jobId, showText)
      reading = true
      element('left').classList.remove('error')
      if (job.status !== status) void guard(showEarlier)
      status = job.status
      if (job.completedAt === null) return showReceipt(job, job.webhookUrl ? null : 'none')
      // The next request is a new job, even for the same range.
      newForm()
      void guard(() => awaitReceipt(job))
    },
    onConnection(state) {
      if (state === 'lost') element('left').textContent = 'connection lost, reconnecting'
      if (state === 'gone')
        setTimeout(() => location.hash === `#${jobId}` && current?.completedAt === null && open(jobId), 3000)
    },
  })
}

/** Waits for the receiver to verify the webhook that is sent when the job ends. @param {Job} job */
async function awaitReceipt(job) {
  if (!job.webhookUrl) return showReceipt(job, 'none')
  awaited = job.jobId
  for (let wait = 150; awaited === job.jobId; wait = Math.min(5000, wait * 1.4)) {
    const receipt = await receiptOf(job.jobId)
    if (awaited !== job.jobId) return
    showReceipt(job, receipt)
    if (receipt !== null) return
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

async function showEarlier() {
  const jobs = await recent()
  const lines = jobs.map((job) => {
    const line = document.createElement('li')
    const link = document.createElement('a')
    link.href = `#${job.jobId}`
    if (location.hash === link.hash) link.setAttribute('aria-current', 'true')
    for (const [name, text] of [
      ['number', numberOf(job)],
      ['range-of', nameOf(job)],
      ['state-of', statusOf(job)],
    ]) {
      const part = document.createElement('span')
      part.className = name ?? ''
      part.textContent = text ?? ''
      link.append(part)
    }
    line.append(link)
    return line
  })
  if (lines.length === 0) {
    const none = document.createElement('li')
    none.className = 'none'
    none.textContent = 'No jobs yet.'
    lines.push(none)
  }
  element('earlier').replaceChildren(...lines)
  return jobs
}

/** Shows errors below the field that they refer to, or below the button. @param {() => unknown} action */
async function guard(action) {
  try {
    await action()
  } catch (error) {
    if (error instanceof ProblemError && error.errors.length > 0) showErrors(error.errors)
    else note(error instanceof ProblemError ? error.message : 'The server does not respond. Is it still running?')
  }
}

/** @param {{ pointer: string, detail: string }[]} errors */
function showErrors(errors) {
  for (const name of ['startDate', 'endDate']) {
    const error = errors.find(({ pointer }) => pointer === `/${name}`)
    element(`${name}-error`).textContent = error ? `${name === 'startDate' ? 'From' : 'To'}: ${error.detail}.` : ''
    const field = form.elements.namedItem(name)
    if (field instanceof HTMLInputElement) field.setAttribute('aria-invalid', String(error !== undefined))
  }
  if (errors.length > 0) note('The request is invalid.')
}

/** @param {string} text */
function note(text) {
  element('order-note').textContent = text
}

await guard(async () => {
  const [jobs] = await Promise.all([showEarlier(), showWorker()])
  // A second tab shows the running job.
  const working = jobs.find((job) => job.completedAt === null)
  if (location.hash === '' && working) location.replace(`#${working.jobId}`)
  else open(location.hash.slice(1))
})
