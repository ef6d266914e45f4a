/** Pieces of the OpenAPI document that several routes share. */

import { errorTitles } from '../../domain/errors.ts'
import { jobStatuses } from '../../domain/job.ts'
import { longestWait } from '../headers.ts'
import { type ProblemCode, statuses } from '../problem.ts'
import { pageSize } from '../query.ts'

const text = { type: 'string' } as const
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
export const jsonOf = (name: string) => ({ 'application/json': { schema: ref(name) } })

const header = (description: string, schema: object = text) => ({ description, schema })

const headers = {
  ETag: header('`W/"<version>"`'),
  Location: header('The status URL of the job'),
  'Retry-After': header('Seconds after which it is worth asking again', { type: 'integer', minimum: 1 }),
  'Cache-Control': header('Who may keep the answer'),
  'Preference-Applied': header('`wait=N`, where `Prefer: wait` was given'),
  'Idempotent-Replayed': header('`true` where the key had been used: the job as it now stands'),
  Link: header('`rel="next"`, where there is more'),
} as const

const pick = (names: readonly (keyof typeof headers)[]) =>
  Object.fromEntries(names.map((name) => [name, headers[name]]))

export const jobAnswer = (description: string, names: readonly (keyof typeof headers)[]) => ({
  description,
  headers: pick(names),
  content: jsonOf('Job'),
})

export const acceptedAnswer = {
  description: 'Accepted, and on disk.',
  headers: pick(['Location', 'Retry-After', 'ETag', 'Cache-Control', 'Preference-Applied', 'Idempotent-Replayed']),
  content: jsonOf('AcceptedJob'),
}

export const listAnswer = {
  description: 'One page.',
  headers: pick(['Link', 'Cache-Control']),
  content: jsonOf('JobList'),
}

export const ticketAnswer = { description: 'The ticket.', content: jsonOf('StreamTicket') }

export const streamAnswer = {
  description:
    'Message events without a name; `id` is the version, `data` one line of JSON: a JobEvent with the whole job. The stream ends after the terminal event.',
  // OpenAPI 3.2 has `itemSchema` for this, 3.1 has no word.
  content: { 'text/event-stream': { schema: text, 'x-itemSchema': ref('JobEvent') } },
}

/** Any of these statuses, each with the codes it can have. */
export function problems(...which: readonly number[]): Record<string, object> {
  return Object.fromEntries(which.map((status) => [status, problemAnswer(status)]))
}

function problemAnswer(status: number): object {
  const codes = (Object.keys(statuses) as ProblemCode[]).filter((code) => statuses[code] === status)
  return {
    description: codes.map((code) => `${code}: ${errorTitles[code]}.`).join('\n'),
    content: { 'application/problem+json': { schema: ref('Problem') } },
  }
}

const inQuery = (name: string, description: string, schema: object) => ({ name, in: 'query', description, schema })
const inHeader = (name: string, description: string) => ({ name, in: 'header', description, schema: text })

export const parameter = {
  jobId: { name: 'jobId', in: 'path', required: true, schema: { type: 'string', format: 'ulid' } },
  idempotencyKey: inHeader(
    'Idempotency-Key',
    '1…255 printable ASCII characters: the same request, sent twice, is one job.',
  ),
  prefer: inHeader('Prefer', `\`wait=N\`: hold the answer up to N seconds, ${longestWait} at most.`),
  ifNoneMatch: inHeader('If-None-Match', 'The ETag that is known.'),
  lastEventId: inHeader('Last-Event-ID', 'The version that was seen last; EventSource sends it on a reconnect.'),
  lastEventIdQuery: inQuery('lastEventId', 'The same, for who cannot set the header.', text),
  ticket: inQuery('ticket', 'A stream ticket in place of the credential.', text),
  include: inQuery('include', 'Adds the input.', { enum: ['input'] }),
  status: {
    ...inQuery('status', 'Any of these.', { type: 'array', items: { enum: jobStatuses } }),
    style: 'form',
    explode: true,
  },
  type: inQuery('type', 'Jobs of one type.', text),
  limit: inQuery('limit', 'Items a page.', {
    type: 'integer',
    minimum: pageSize.least,
    maximum: pageSize.most,
    default: pageSize.usual,
  }),
  cursor: inQuery('cursor', '`nextCursor` of the page before. Opaque.', text),
}
