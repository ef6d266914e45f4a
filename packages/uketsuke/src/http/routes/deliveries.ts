import { deliveryView } from '../../domain/delivery-view.ts'
import { deliveriesAnswer, deliveryAnswer, problems } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'

export const deliveries: Route = {
  method: 'GET',
  path: '/{jobId}/deliveries',
  scope: 'webhooks:manage',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'listDeliveries',
    summary: 'List the webhooks about a job with their attempts, oldest first.',
    responses: { 200: deliveriesAnswer, ...problems(400, 404, 406, 410) },
  },
  async handle({ service, owner, jobId }) {
    const items = (await service.deliveries(owner, jobId)).map((one) => deliveryView(one, false))
    return json({ items }, 200, { 'Cache-Control': 'private, no-cache' })
  },
}

export const redeliver: Route = {
  method: 'POST',
  path: '/{jobId}/deliveries/{deliveryId}/redeliver',
  scope: 'webhooks:manage',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'redeliver',
    summary: 'Send a webhook again, with the same webhook-id.',
    responses: { 202: deliveryAnswer, ...problems(400, 404, 406, 409, 410) },
  },
  async handle({ service, owner, jobId, itemId }) {
    const job = await service.redeliver(owner, jobId, itemId)
    return json(deliveryView({ job, attempts: [] }, false), 202, { 'Cache-Control': 'no-store' })
  },
}
