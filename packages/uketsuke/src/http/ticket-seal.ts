import { keyFor, seal, unseal } from '../base/seal.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { JobService } from '../service.ts'
import type { Caller, HttpOptions } from './identity.ts'

const lifetimeMs = 15 * 60_000

/** What a ticket gives access to. */
export interface Pass {
  readonly purpose: 'stream-ticket' | 'file-link'
  readonly jobId: string
  /** The name of a file; empty for a stream. */
  readonly item: string
}

/** The credential that issued the ticket comes before the item: its id and its end, null if `authenticate` did not name them. */
type Payload = readonly [
  jobId: string,
  owner: string,
  ticketEnd: number,
  credential?: string | null,
  credentialEnd?: number | null,
  item?: string,
]

/**
 * Issues a ticket for a URL that cannot carry a credential. It is reusable, and gives access to one thing for 15 minutes. It holds the job,
 * the owner and its end, encrypted: URLs end up in logs and histories, and must not reveal the owner.
 */
export async function issueTicket(
  service: JobService,
  { purpose, jobId, item }: Pass,
  caller: Caller,
): Promise<{ ticket: string; expiresAt: string }> {
  const end = Math.min(service.clock.now() + lifetimeMs, caller.expiresAt ?? Number.POSITIVE_INFINITY)
  const payload: Payload = [jobId, caller.owner, end, caller.credential ?? null, caller.expiresAt ?? null, item]
  const ticket = seal(keyFor(purpose, await service.ticketKey()), JSON.stringify(payload))
  return { ticket, expiresAt: new Date(end).toISOString() }
}

/**
 * The caller for whom a ticket was issued.
 * @throws `unauthorized` if it is forged, expired, for something else, or of a revoked credential
 */
export async function ticketCaller(
  service: JobService,
  { isRevoked }: HttpOptions,
  { purpose, jobId, item }: Pass,
  text: string,
): Promise<Caller> {
  const [job, owner, ticketEnd, id, end, thing = ''] = payloadOf(keyFor(purpose, await service.ticketKey()), text)
  const [credential, expiresAt] = [id ?? undefined, end ?? undefined]
  const live = job === jobId && thing === item && service.clock.now() < ticketEnd
  if (live && (credential === undefined || !(await isRevoked?.(credential, owner)))) {
    // A stream may outlive the ticket, but not the credential.
    return { owner, canRead: true, credential, expiresAt }
  }
  throw new UketsukeError('unauthorized', 'The ticket is invalid or has expired.')
}

function payloadOf(key: Buffer, ticket: string): Payload {
  const text = unseal(key, ticket)
  return text === null ? ['', '', 0] : (JSON.parse(text) as Payload)
}
