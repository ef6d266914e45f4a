import { createHmac, timingSafeEqual } from 'node:crypto'
import { UketsukeError } from '../../domain/errors.ts'
import type { JobService } from '../../service.ts'
import { problems, ticketAnswer } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'

const lifetime = 15 * 60_000

/**
 * `EventSource` can send no header, so it is given a ticket for its URL: good for reading one job's stream and nothing else. What it
 * says can be read by whoever holds it (job, owner, end); only the signature makes it good.
 */
export const ticket: Route = {
  method: 'POST',
  path: '/{jobId}/stream-ticket',
  scope: 'jobs:read',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'createStreamTicket',
    summary: "A ticket of 15 minutes, usable many times, for this job's stream alone.",
    responses: { 200: ticketAnswer, ...problems(404, 406) },
  },
  async handle({ service, owner, jobId }) {
    const job = await service.find(owner, jobId)
    const expiresAt = service.clock.now() + lifetime
    const said = Buffer.from(JSON.stringify([job.id, job.owner, expiresAt])).toString('base64url')
    const issued = `${said}.${sign(await service.ticketKey(), said)}`
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

/** The owner for whom a ticket was made. @throws `unauthorized` where it is forged, over, or another job's */
export async function ticketOwner(service: JobService, jobId: string, text: string): Promise<string> {
  const [said = '', signature = ''] = text.split('.', 2)
  const expected = Buffer.from(sign(await service.ticketKey(), said))
  const given = Buffer.from(signature)
  if (given.length === expected.length && timingSafeEqual(given, expected)) {
    const [job, owner, expiresAt] = JSON.parse(Buffer.from(said, 'base64url').toString()) as [string, string, number]
    if (job === jobId && service.clock.now() < expiresAt) return owner
  }
  throw new UketsukeError('unauthorized', 'The ticket is not valid, or no longer.')
}

/** The purpose is signed too, so that no other use of the key can ever make a ticket. */
const sign = (key: string, said: string) =>
  createHmac('sha256', key).update(`stream-ticket.${said}`).digest('base64url')
