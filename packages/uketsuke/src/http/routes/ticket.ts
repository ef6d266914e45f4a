import { createHmac, timingSafeEqual } from 'node:crypto'
import { UketsukeError } from '../../domain/errors.ts'
import type { JobService } from '../../service.ts'
import { problems, ticketAnswer } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'

const lifetimeMs = 15 * 60_000

/**
 * `EventSource` cannot send headers, so its URL carries a ticket, which is valid only for reading one job's stream. The payload (job,
 * owner, expiry) is signed but not encrypted: the holder can read it.
 */
export const ticket: Route = {
  method: 'POST',
  path: '/{jobId}/stream-ticket',
  scope: 'jobs:read',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'createStreamTicket',
    summary: "Create a ticket for this job's stream. It is reusable and expires after 15 minutes.",
    responses: { 200: ticketAnswer, ...problems(404, 406) },
  },
  async handle({ service, owner, jobId }) {
    const job = await service.find(owner, jobId)
    const expiresAt = service.clock.now() + lifetimeMs
    const payload = Buffer.from(JSON.stringify([job.id, job.owner, expiresAt])).toString('base64url')
    const issued = `${payload}.${sign(await service.ticketKey(), payload)}`
    return json(
      {
        ticket: issued,
        expiresAt: new Date(expiresAt).toISOString(),
        streamUrl: `${service.base}/${job.id}/stream?ticket=${issued}`,
      },
      200,
      { 'Cache-Control': 'no-store' },
    )
  },
}

/** The owner for whom a ticket was issued. @throws `unauthorized` if it is forged, expired or for another job */
export async function ticketOwner(service: JobService, jobId: string, text: string): Promise<string> {
  const [payload = '', signature = ''] = text.split('.', 2)
  const expected = Buffer.from(sign(await service.ticketKey(), payload))
  const actual = Buffer.from(signature)
  if (actual.length === expected.length && timingSafeEqual(actual, expected)) {
    const [job, owner, expiresAt] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as [string, string, number]
    if (job === jobId && service.clock.now() < expiresAt) return owner
  }
  throw new UketsukeError('unauthorized', 'The ticket is invalid or has expired.')
}

/** The signature covers the purpose too, so that another use of the key can never produce a ticket. */
const sign = (key: string, payload: string) =>
  createHmac('sha256', key).update(`stream-ticket.${payload}`).digest('base64url')
