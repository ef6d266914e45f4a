import { problems } from '../openapi/responses.ts'
import type { Route } from '../route.ts'

export const remove: Route = {
  method: 'DELETE',
  path: '/{jobId}',
  scope: 'jobs:cancel',
  query: [],
  produces: null,
  operation: {
    operationId: 'deleteJob',
    summary: 'Delete a job that has ended.',
    responses: { 204: { description: 'The job is deleted.' }, ...problems(400, 404, 409, 410) },
  },
  async handle({ service, owner, jobId }) {
    await service.remove(owner, jobId)
    return { status: 204, headers: {}, body: null }
  },
}
