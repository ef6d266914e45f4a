import { isTerminal, type Job } from '../../domain/job.ts'
import { readable } from '../../domain/view.ts'
import { noneMatch, preferredWait } from '../headers.ts'
import { hold } from '../long-poll.ts'
import { jobAnswer, parameter, problems } from '../openapi/responses.ts'
import { withInput } from '../query.ts'
import { json, queuePositionIfCheap, represent } from '../response.ts'
import type { RequestContext, Route } from '../route.ts'

export const status: Route = {
  method: 'GET',
  path: '/{jobId}',
  scope: 'jobs:read',
  query: ['include'],
  produces: 'application/json',
  operation: {
    operationId: 'getJob',
    summary: 'Get the current state of a job. With Prefer: wait, long-poll for a change.',
    parameters: [parameter.include, parameter.ifNoneMatch, parameter.prefer],
    responses: {
      200: jobAnswer('The job in any state, including failed.', [
        'ETag',
        'Retry-After',
        'Cache-Control',
        'Preference-Applied',
      ]),
      304: { description: 'The job has not changed.' },
      ...problems(400, 404, 406, 410),
    },
  },
  async handle(context) {
    const { service, request } = context
    const include = withInput(request.query)
    const seconds = preferredWait(request.header('prefer'))
    const job = seconds === null ? await service.find(context.owner, context.jobId) : await longPoll(context, seconds)
    const { body, headers } = represent(service, job, await queuePositionIfCheap(service, job))
    headers['Cache-Control'] = 'private, no-cache'
    if (seconds !== null) headers['Preference-Applied'] = `wait=${seconds}`
    if (!noneMatch(request.header('if-none-match'), job.version)) {
      return { status: 304, headers, body: null }
    }
    if (include) body.input = readable(job.input)
    return json(body, 200, headers)
  },
}

/**
 * Waits for a newer version than that of `If-None-Match`, or without it for the terminal state. Reads the store first: the follower can
 * lag behind commits of other processes, and a client that knows a version from elsewhere must not get an earlier one.
 */
async function longPoll(context: RequestContext, seconds: number): Promise<Job> {
  const { service, owner, jobId, request } = context
  const tags = request.header('if-none-match')
  const job = await service.find(owner, jobId)
  const enough =
    tags === null ? isTerminal : (one: Job) => isTerminal(one) || one !== job || noneMatch(tags, one.version)
  if (seconds === 0 || enough(job)) return job
  return hold(context, await service.follow(owner, jobId, job.version), job, seconds, enough)
}
