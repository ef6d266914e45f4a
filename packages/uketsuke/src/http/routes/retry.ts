import { acceptedAnswer, parameter, problems } from '../openapi/responses.ts'
import { answerNew } from '../own-route.ts'
import { keyScope, type Route } from '../route.ts'

export const retry: Route = {
  method: 'POST',
  path: '/{jobId}/retry',
  scope: 'jobs:write',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'retryJob',
    summary: 'A new job, with the same input, from one that has ended.',
    parameters: [parameter.idempotencyKey, parameter.prefer],
    responses: { 202: acceptedAnswer, ...problems(400, 404, 406, 409, 422) },
  },
  async handle({ desk, incoming, owner, jobId }) {
    return await answerNew(desk, incoming, keyScope(desk, this), (key) => desk.retry(owner, jobId, key))
  },
}
