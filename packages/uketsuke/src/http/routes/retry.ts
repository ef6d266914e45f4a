import { acceptedAnswer, parameter, problems } from '../openapi/responses.ts'
import { respondAccepted } from '../own-route.ts'
import { keyScope, type Route } from '../route.ts'

export const retry: Route = {
  method: 'POST',
  path: '/{jobId}/retry',
  scope: 'jobs:create',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'retryJob',
    summary: 'Create a new job with the input of a job that has ended.',
    parameters: [parameter.idempotencyKey, parameter.prefer],
    responses: { 202: acceptedAnswer, ...problems(400, 404, 406, 409, 410, 422) },
  },
  async handle(context) {
    const { service, owner, jobId } = context
    return await respondAccepted(context, keyScope(service, this), (key) => service.retry(owner, jobId, key))
  },
}
