import { createHash } from 'node:crypto'
import { seal, unseal } from '../../base/seal.ts'
import { UketsukeError } from '../../domain/errors.ts'
import type { JobService } from '../../service.ts'
import type { Caller, HttpOptions } from '../identity.ts'
import { problems, ticketAnswer } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'

const lifetimeMs = 15 * 60_000

/**
 * `EventSource` cannot send headers, so its URL carries a ticket, which is valid only for reading one job's stream. It holds job, owner
 * and expiry, encrypted: URLs end up in logs and histories, and must not reveal the owner.
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
    responses: { 200: ticketAnswer, ...problems(400, 404, 406, 410) },
  },
  async handle({ service, owner, jobId, caller }) {
    const job = await service.find(owner, jobId)
    const expiresAt = Math.min(service.clock.now() + lifetimeMs, caller.expiresAt ?? Number.POSITIVE_INFINITY)
    const payload: Payload = [job.id, job.owner, expiresAt, caller.credential ?? null, caller.expiresAt ?? null]
    const issued = seal(keyFor(await service.ticketKey()), JSON.stringify(payload))
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

/**
 * The caller for whom a ticket was issued.
 * @throws `unauthorized` if it is forged, expired, for another job, or of a revoked credential
 */
export async function ticketCaller(
  service: JobService,
  { isRevoked }: HttpOptions,
  jobId: string,
  text: string,
): Promise<Caller> {
  const [job, owner, ticketEnd, id, end] = payloadOf(await service.ticketKey(), text) ?? ['', '', 0, null, null]
  const [credential, expiresAt] = [id ?? undefined, end ?? undefined]
  const live = job === jobId && service.clock.now() < ticketEnd
  if (live && (credential === undefined || !(await isRevoked?.(credential, owner)))) {
    // The stream may outlive the ticket, but not the credential.
    return { owner, canRead: true, credential, expiresAt }
  }
  throw new UketsukeError('unauthorized', 'The ticket is invalid or has expired.')
}

/** The last two belong to the credential that issued the ticket: its id and its end, null if `authenticate` did not name them. */
type Payload = readonly [
  jobId: string,
  owner: string,
  ticketEnd: number,
  credential?: string | null,
  credentialEnd?: number | null,
]

/** The key depends on the purpose too, so that another use of the shared key can never produce a ticket. */
const keyFor = (shared: string): Buffer => createHash('sha256').update(`stream-ticket.${shared}`).digest()

function payloadOf(shared: string, ticket: string): Payload | null {
  const text = unseal(keyFor(shared), ticket)
  return text === null ? null : (JSON.parse(text) as Payload)
}
