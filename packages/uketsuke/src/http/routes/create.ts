import type { AcceptRequest } from '../../accept/request.ts'
import { readObject } from '../body.ts'
import { acceptedAnswer, parameter, problems } from '../openapi/responses.ts'
import { accept } from '../own-route.ts'
import { keyScope, type Route } from '../route.ts'

const members = ['type', 'input', 'priority', 'webhookUrl', 'delay', 'runAt', 'metadata'] as const

export const create: Route = {
  method: 'POST',
  path: '/',
  scope: 'jobs:create',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'createJob',
    summary: 'Create a job. The response is sent after the job is stored.',
    parameters: [parameter.idempotencyKey, parameter.prefer],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/NewJob' } } },
    },
    responses: {
      202: acceptedAnswer,
      ...problems(400, 406, 409, 413, 415, 422),
    },
  },
  async handle(context) {
    const { service, options, request, owner } = context
    const { type, input, priority, webhookUrl, delay, runAt, metadata } = await readObject(
      request,
      members,
      options.maxBodyBytes,
    )
    const job: AcceptRequest = { owner, type, input, inputIsJson: true, priority, webhookUrl, delay, runAt, metadata }
    return await accept(context, job, keyScope(service, this))
  },
}
