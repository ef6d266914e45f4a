import { problems, ticketAnswer } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'
import { issueTicket } from '../ticket-seal.ts'

/** `EventSource` cannot send headers, so its URL carries a ticket, which is valid only for reading one job's stream. */
export const ticket: Route = {
  method: 'POST',
  path: '/{jobId}/stream-ticket',
  scope: 'jobs:read',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'createStreamTicket',
    summary: "Create a ticket for this job's stream. It is reusable and expires after 15 minutes.",
    responses: { 200: ticketAnswer, ...problems(400, 404, 406, 410) },
  },
  async handle({ service, owner, jobId, caller }) {
    await service.find(owner, jobId)
    const { ticket, expiresAt } = await issueTicket(service, { purpose: 'stream-ticket', jobId, item: '' }, caller)
    const streamUrl = `${service.base}/${jobId}/stream?ticket=${ticket}`
    return json({ ticket, expiresAt, streamUrl }, 200, { 'Cache-Control': 'no-store' })
  },
}
