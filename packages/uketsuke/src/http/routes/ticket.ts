import { createHmac, timingSafeEqual } from 'node:crypto'
import { UketsukeError } from '../../domain/errors.ts'
import type { Job } from '../../domain/job.ts'
import type { JobService } from '../../service.ts'
import { allOwners } from '../../store/port.ts'
import { problems, ticketAnswer } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'

const lifetimeMs = 15 * 60_000

/**
 * `EventSource` cannot send headers, so its URL carries a ticket, which is valid only for reading one job's stream. It holds the expiry
 * and a signature over job, owner and expiry: URLs end up in logs and histories, and must not tell who the owner is.
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
    responses: { 200: ticketAnswer, ...problems(400, 404, 406) },
  },
  async handle({ service, owner, jobId }) {
    const job = await service.find(owner, jobId)
    const expiresAt = service.clock.now() + lifetimeMs
    const payload = expiresAt.toString(36)
    const issued = `${payload}.${sign(await service.ticketKey(), job, payload)}`
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
  const expiresAt = Number.parseInt(payload, 36)
  const job = expiresAt > service.clock.now() ? await service.find(allOwners, jobId).catch(absent) : null
  // A job that does not exist takes the same way, and fails with the same error.
  const expected = Buffer.from(sign(await service.ticketKey(), job ?? { id: jobId, owner: '' }, payload))
  const actual = Buffer.from(signature)
  if (job !== null && actual.length === expected.length && timingSafeEqual(actual, expected)) return job.owner
  throw new UketsukeError('unauthorized', 'The ticket is invalid or has expired.')
}

function absent(error: unknown): null {
  if (error instanceof UketsukeError && error.code === 'job-not-found') return null
  throw error
}

/** The signature covers the purpose too, so that another use of the key can never produce a ticket. */
const sign = (key: string, { id, owner }: Pick<Job, 'id' | 'owner'>, payload: string) =>
  createHmac('sha256', key)
    .update(JSON.stringify(['stream-ticket', id, owner, payload]))
    .digest('base64url')
