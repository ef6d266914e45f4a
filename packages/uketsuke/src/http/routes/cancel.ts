import { isTerminal } from '../../domain/job.ts'
import { jobAnswer, problems } from '../openapi/responses.ts'
import { json, represent, withoutOutput } from '../response.ts'
import type { Route } from '../route.ts'

export const cancel: Route = {
  method: 'POST',
  path: '/{jobId}/cancel',
  scope: 'jobs:cancel',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'cancelJob',
    summary:
      'Cancel a job. A pending job is cancelled immediately, a running job is asked to stop, and a job that has ended does not change.',
    responses: {
      200: jobAnswer('The job has ended.', ['ETag']),
      202: jobAnswer('The job is running. Cancellation was requested.', ['ETag', 'Retry-After']),
      ...problems(400, 404, 406, 410),
    },
  },
  async handle({ service, owner, canRead, jobId }) {
    const job = await service.cancel(owner, jobId)
    const { body, headers } = represent(service, canRead ? job : withoutOutput(job), null)
    return json(body, isTerminal(job) ? 200 : 202, { ...headers, 'Cache-Control': 'no-store' })
  },
}
