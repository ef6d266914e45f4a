import { accepted } from './answer.ts'
import type { Route } from './call.ts'
import { acceptedAnswer, problems } from './describe.ts'

export const retry: Route = {
  method: 'POST',
  path: '/{jobId}/retry',
  scope: 'jobs:write',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'retryJob',
    summary: 'A new job, with the same input, from one that has ended.',
    responses: { 202: acceptedAnswer, ...problems(404, 406, 409) },
  },
  async handle({ desk, owner, jobId }) {
    return accepted(desk, await desk.retry(owner, jobId), {})
  },
}
