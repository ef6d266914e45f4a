import { isTerminal, type Job } from '../domain/job.ts'
import { isoTime, view } from '../domain/view.ts'

/**
 * The body of a 202. Almost always the job is new and most of the text is known: building it by hand gives the same text as
 * `JSON.stringify` in a fifth of the time.
 */
export function acceptedBody(job: Job, base: string, deduplicated = false): string {
  if (deduplicated) return JSON.stringify({ ...view(job, base), deduplicated, message: message(job) })
  if (!isFresh(job)) return JSON.stringify(Object.assign(view(job, base), { message: message(job) }))
  const url = JSON.stringify(`${base}/${job.id}`)
  const open = url.slice(0, -1)
  const webhook = job.webhookUrl === null ? '' : `"webhookUrl":${JSON.stringify(job.webhookUrl)},`
  return (
    `{"jobId":"${job.id}","type":${JSON.stringify(job.type)},"status":"pending","progress":0,"progressMessage":null,` +
    `"version":1,"attempt":0,"maxAttempts":${job.maxAttempts},"priority":"${job.priority}","createdAt":"${isoTime(job.createdAt)}",` +
    `"startedAt":null,"completedAt":null,"runAt":"${isoTime(job.runAt)}","cancelRequestedAt":null,"expiresAt":null,${webhook}` +
    `"statusUrl":${url},"streamUrl":${open}/stream","cancelUrl":${open}/cancel","message":"${pendingMessage}"}`
  )
}

/** Whether the job is as `create` made it: a pending job at version 1 has no other state than the request. */
const isFresh = ({ version, status, metadata, retryOf }: Job) =>
  version === 1 && status === 'pending' && metadata === null && retryOf === null

const pendingMessage = 'The job was accepted and is pending. Poll statusUrl or open streamUrl to follow it.'

function message(job: Job): string {
  if (job.status === 'pending') return pendingMessage
  if (!isTerminal(job)) return 'The job was accepted and is running. Poll statusUrl or open streamUrl to follow it.'
  if (job.status === 'completed') return 'The job was accepted and has completed. The result is in output.'
  if (job.status === 'failed') return 'The job was accepted and has failed. The reason is in error.'
  return 'The job was accepted and has been cancelled.'
}
