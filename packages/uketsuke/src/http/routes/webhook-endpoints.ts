import { UketsukeError } from '../../domain/errors.ts'
import type { Endpoints } from '../../notify/endpoints.ts'
import type { JobService } from '../../service.ts'
import { readObject } from '../body.ts'
import { endpointAnswer, endpointsAnswer, newEndpointAnswer, problems } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { RequestContext, Route } from '../route.ts'

const base = '/webhook-endpoints'
const one = `${base}/{endpointId}` as const
const noStore = { 'Cache-Control': 'no-store' }
const shared = { scope: 'webhooks:manage', query: [], produces: 'application/json' } as const

/** @throws `not-found` */
function endpointsOf({ endpoints }: JobService): Endpoints {
  if (endpoints === null) throw new UketsukeError('not-found', 'Webhook endpoints are not enabled on this server.')
  return endpoints
}

const create: Route = {
  ...shared,
  method: 'POST',
  path: base,
  operation: {
    operationId: 'createWebhookEndpoint',
    summary:
      'Register an endpoint, which gets a signed webhook for every job of the caller. The response shows its secret once.',
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/NewWebhookEndpoint' } } },
    },
    responses: { 201: newEndpointAnswer, ...problems(400, 404, 406, 413, 415, 422) },
  },
  async handle({ service, options, request, owner }) {
    const endpoints = endpointsOf(service)
    const { url, events, description } = await readObject(
      request,
      ['url', 'events', 'description'],
      options.maxBodyBytes,
    )
    const created = await endpoints.create(owner, { url, events, description })
    const location = `${service.base}${base}/${created.endpointId}`
    return json(created, 201, { ...noStore, Location: location })
  },
}

const list: Route = {
  ...shared,
  method: 'GET',
  path: base,
  operation: {
    operationId: 'listWebhookEndpoints',
    summary: "List the caller's webhook endpoints, oldest first.",
    responses: { 200: endpointsAnswer, ...problems(400, 404, 406) },
  },
  async handle({ service, owner }) {
    return json({ items: await endpointsOf(service).list(owner) }, 200, { 'Cache-Control': 'private, no-cache' })
  },
}

const get: Route = {
  ...shared,
  method: 'GET',
  path: one,
  operation: {
    operationId: 'getWebhookEndpoint',
    summary: 'Get a webhook endpoint.',
    responses: { 200: endpointAnswer, ...problems(400, 404, 406) },
  },
  async handle({ service, owner, itemId }) {
    return json(await endpointsOf(service).get(owner, itemId), 200, { 'Cache-Control': 'private, no-cache' })
  },
}

const remove: Route = {
  ...shared,
  produces: null,
  method: 'DELETE',
  path: one,
  operation: {
    operationId: 'deleteWebhookEndpoint',
    summary: 'Delete a webhook endpoint. Webhooks on their way to it fail.',
    responses: { 204: { description: 'The endpoint is deleted.' }, ...problems(400, 404) },
  },
  async handle({ service, owner, itemId }) {
    await endpointsOf(service).remove(owner, itemId)
    return { status: 204, headers: {}, body: null }
  },
}

/** A POST without a body that changes one endpoint. */
const action = (
  name: string,
  operationId: string,
  summary: string,
  answer: object,
  run: (endpoints: Endpoints, owner: string, id: string) => Promise<object>,
): Route => ({
  ...shared,
  method: 'POST',
  path: `${one}/${name}`,
  operation: { operationId, summary, responses: { 200: answer, ...problems(400, 404, 406) } },
  async handle({ service, owner, itemId }) {
    return json(await run(endpointsOf(service), owner, itemId), 200, noStore)
  },
})

const recover: Route = {
  ...shared,
  method: 'POST',
  path: `${one}/recover`,
  operation: {
    operationId: 'recoverWebhooks',
    summary: 'Send again every webhook to this endpoint that failed at `since` or later and was not delivered since.',
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Recovery' } } },
    },
    responses: {
      202: {
        description: 'The webhooks are queued.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Recovered' } } },
      },
      ...problems(400, 404, 406, 413, 415, 422),
    },
  },
  async handle({ service, options, request, owner, itemId }: RequestContext) {
    await endpointsOf(service).get(owner, itemId)
    const { since } = await readObject(request, ['since'], options.maxBodyBytes)
    const from = typeof since === 'string' && /^\d{4}-\d\d-\d\dT/.test(since) ? Date.parse(since) : Number.NaN
    if (Number.isNaN(from)) {
      const errors = [{ pointer: '/since', detail: 'Must be an ISO 8601 date and time.' }]
      throw new UketsukeError('validation-error', undefined, { errors })
    }
    return json({ recovered: await service.recover(owner, itemId, from) }, 202, noStore)
  },
}

export const webhookEndpoints: readonly Route[] = [
  create,
  list,
  get,
  remove,
  action(
    'disable',
    'disableWebhookEndpoint',
    'Stop sending to an endpoint. Its webhooks fail, and `recover` sends them later.',
    endpointAnswer,
    (endpoints, owner, id) => endpoints.disable(owner, id),
  ),
  action('enable', 'enableWebhookEndpoint', 'Send to an endpoint again.', endpointAnswer, (endpoints, owner, id) =>
    endpoints.enable(owner, id),
  ),
  action(
    'rotate-secret',
    'rotateWebhookSecret',
    'Create a new signing secret. The response shows it once. The previous one signs too for 24 hours.',
    newEndpointAnswer,
    (endpoints, owner, id) => endpoints.rotateSecret(owner, id),
  ),
  recover,
]
