import { isTerminal, type Job } from '../domain/job.ts'
import { isoTime, view } from '../domain/view.ts'

/**
 * The body of a 202. Nearly always the job is new, and then most of it is known: laid by hand it is the same text as from
 * `JSON.stringify`, for a fifth of the time.
 */
export function acceptedBody(job: Job, base: string): string {
  if (!isFresh(job)) return JSON.stringify(Object.assign(view(job, base), { message: message(job) }))
  const url = JSON.stringify(`${base}/${job.id}`)
  const open = url.slice(0, -1)
  const webhook = job.webhookUrl === null ? '' : `"webhookUrl":${JSON.stringify(job.webhookUrl)},`
  return (
    `{"jobId":"${job.id}","type":${JSON.stringify(job.type)},"status":"pending","progress":0,"progressMessage":null,` +
    `"version":1,"attempt":0,"maxAttempts":${job.maxAttempts},"priority":"${job.priority}","createdAt":"${isoTime(job.createdAt)}",` +
    `"startedAt":null,"completedAt":null,"runAt":"${isoTime(job.runAt)}","cancelRequestedAt":null,"expiresAt":null,${webhook}` +
    `"statusUrl":${url},"streamUrl":${open}/stream","cancelUrl":${open}/cancel","message":"${waits}"}`
  )
}

/** As `create` makes it: what has its first version and waits has nothing else to tell, but for what was asked for. */
const isFresh = ({ version, status, metadata, retryOf }: Job) =>
  version === 1 && status === 'pending' && metadata === null && retryOf === null

const waits = 'The job was accepted and waits to run. Poll statusUrl, or open streamUrl, to see how it goes.'

function message(job: Job): string {
  if (job.status === 'pending') return waits
  if (!isTerminal(job))
    return 'The job was accepted and is running. Poll statusUrl, or open streamUrl, to see how it goes.'
  if (job.status === 'completed') return 'The job was accepted and has completed; its output is here.'
  if (job.status === 'failed') return 'The job was accepted and has failed; its error says why.'
  return 'The job was accepted and has been cancelled.'
}
