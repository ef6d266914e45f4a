import { link as linkTo } from './api.js'
import { secondsLeft, trail } from './follow.js'

/** @import { Job, JobEvent, Receipt } from './types.d.ts' */

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`The page has no #${id}.`)
  return found
}

/** @type {Record<string, string>} */
const words = { pending: 'Waiting', running: 'Running', completed: 'Done', failed: 'Failed', cancelled: 'Cancelled' }
/** @param {Job} job */
export const statusOf = (job) => {
  if (job.cancelRequestedAt !== null && job.completedAt === null) return 'Stopping'
  return words[job.status] ?? job.status
}

/** The last characters of a job id, for display. @param {{ jobId: string }} job */
export const numberOf = ({ jobId }) => jobId.slice(-6)

/** What a job is about. @param {Job} job */
export function nameOf({ type, metadata }) {
  if (type === 'tell-weather') return 'A text, word by word'
  if (type === 'count-primes') return 'Primes, in a thread'
  return metadata ? `${metadata.startDate} to ${metadata.endDate}` : ''
}

/** Shows the live output of a job; an empty text hides it. @param {string} text */
export function showText(text) {
  const place = element('text')
  const follows = place.scrollTop + place.clientHeight >= place.scrollHeight - 40
  place.hidden = text === ''
  place.textContent = text
  if (follows) place.scrollTop = place.scrollHeight
}

/** @param {string} iso */
export const clock = (iso) => new Date(iso).toLocaleTimeString('en-GB')

let announced = ''

/** Renders the state of a job. @param {JobEvent} event */
export function showTicket(event) {
  const job = event.data
  element('empty').hidden = true
  element('stub').hidden = false
  element('ticket').dataset.status = job.status
  element('number').textContent = numberOf(job)
  element('number').title = job.jobId
  element('range').textContent = nameOf(job)
  element('status').textContent = statusOf(job)
  element('attempt').textContent = job.attempt > 0 ? `attempt ${job.attempt} of ${job.maxAttempts}` : ''
  showBar(job)
  element('message').textContent = job.completedAt === null ? (job.progressMessage ?? '') : took(job)
  element('left').textContent = left(event)
  element('failure').textContent = job.status === 'failed' ? (job.error?.message ?? '') : ''
  element('cancel').hidden = job.completedAt !== null
  showTrail(job)
  showReport(job)
  // Screen readers announce status changes, not every progress update.
  const turn = `Job ${numberOf(job)}: ${statusOf(job)}${job.attempt > 1 ? `, attempt ${job.attempt}` : ''}`
  if (turn !== announced) element('announce').textContent = turn
  announced = turn
}

/** @param {Job} job */
function took({ status, startedAt, completedAt }) {
  if (status !== 'completed' || startedAt === null || completedAt === null) return ''
  return `Took ${((Date.parse(completedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`
}

/** @param {Job} job */
function showBar(job) {
  const bar = element('bar')
  bar.style.setProperty('--value', String(job.progress))
  bar.setAttribute('aria-valuenow', String(job.progress))
  bar.setAttribute('aria-valuetext', `${job.progress} %, ${job.progressMessage ?? statusOf(job)}`)
}

/** @param {JobEvent} event */
function left(event) {
  const { status, progress, queuePosition, lastError } = event.data
  if (status === 'pending')
    return lastError ? 'waiting for a worker' : queuePosition ? `position ${queuePosition} in the queue` : ''
  const seconds = secondsLeft(event)
  if (seconds !== null) return `${progress} %, about ${seconds} s left`
  return status === 'running' ? `${progress} %` : ''
}

/** @param {Job} job */
function showTrail(job) {
  const lines = trail(job).map(({ at, text, lost }) => {
    const line = document.createElement('li')
    const time = document.createElement('time')
    time.textContent = at === null ? '' : clock(at)
    const what = document.createElement('span')
    what.textContent = text
    if (lost) line.className = 'lost'
    line.append(time, what)
    return line
  })
  element('trail').replaceChildren(...lines)
}

/** @param {Job} job */
function showReport({ status, output, files, completedAt }) {
  const place = element('report')
  const [pdf] = files ?? []
  if (output && 'primes' in output) {
    place.textContent = `${output.primes.toLocaleString('en')} primes below ${output.below.toLocaleString('en')}`
  } else if (output && 'words' in output) {
    place.textContent = `${output.words} words, kept with the job`
  } else if (output && 'rows' in output && pdf) {
    const link = document.createElement('a')
    Object.assign(link, { href: pdf.url, target: '_blank', rel: 'noopener', textContent: 'Open the PDF' })
    const share = document.createElement('button')
    Object.assign(share, { type: 'button', className: 'plain', textContent: 'Share it for 15 minutes' })
    share.addEventListener('click', async () => {
      const { url } = await linkTo(pdf.url)
      const shared = document.createElement('a')
      Object.assign(shared, { href: url, textContent: 'This link needs no sign-in', target: '_blank', rel: 'noopener' })
      share.replaceWith(shared)
    })
    place.replaceChildren(
      link,
      ' ',
      share,
      small(
        `${output.pages} pages, ${Math.round(pdf.bytes / 1024)} KB, from ${output.rows.toLocaleString('en')} daily records`,
      ),
    )
  } else
    place.textContent =
      completedAt === null
        ? 'Available when the job is done.'
        : `None: the job ${status === 'failed' ? 'failed' : 'was cancelled'}.`
  place.toggleAttribute('data-empty', !output)
}

/** @param {Job} job @param {Receipt | null | 'none'} receipt */
export function showReceipt(job, receipt) {
  const place = element('receipt')
  place.toggleAttribute('data-empty', receipt === null || receipt === 'none')
  if (receipt === 'none') place.textContent = 'Not requested.'
  else if (receipt === null)
    place.textContent = job.completedAt === null ? 'Sent when the job ends.' : 'Being delivered…'
  else {
    const valid = document.createElement('span')
    valid.className = 'valid'
    valid.textContent = `signature ${receipt.signature}`
    place.replaceChildren(
      valid,
      small(`${receipt.type} at version ${receipt.version}, received ${clock(receipt.receivedAt)}`),
      small(receipt.webhookId),
    )
  }
}

/** @param {string} text */
function small(text) {
  const line = document.createElement('span')
  line.className = 'small'
  line.textContent = text
  return line
}
