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
    summary: 'How the job stands. With Prefer: wait, how it stands once something has happened.',
    parameters: [parameter.include, parameter.ifNoneMatch, parameter.prefer],
    responses: {
      200: jobAnswer('The job, whatever its outcome.', ['ETag', 'Retry-After', 'Cache-Control', 'Preference-Applied']),
      304: { description: 'It has not changed since.' },
      ...problems(400, 404, 406),
    },
  },
  async handle(call) {
    const { service, request } = call
    const include = withInput(request.query)
    const seconds = preferredWait(request.header('prefer'))
    const job = seconds === null ? await service.find(call.owner, call.jobId) : await awaited(call, seconds)
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
 * With If-None-Match, what comes after the version it names; without, the end. Read first: whoever knows a version from elsewhere
 * must not be told an earlier one, and what this process follows can be a moment behind another's commits.
 */
async function awaited(call: RequestContext, seconds: number): Promise<Job> {
  const { service, owner, jobId, request } = call
  const tags = request.header('if-none-match')
  const job = await service.find(owner, jobId)
  const enough =
    tags === null ? isTerminal : (one: Job) => isTerminal(one) || one !== job || noneMatch(tags, one.version)
  if (seconds === 0 || enough(job)) return job
  return hold(call, await service.follow(owner, jobId, job.version), job, seconds, enough)
}
