/** Parts of the OpenAPI document that several routes share. */

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
  ETag: header('`W/"<version>"`.'),
  Location: header('The status URL of the job.'),
  'Retry-After': header('The recommended polling delay in seconds.', { type: 'integer', minimum: 1 }),
  'Cache-Control': header('The caching policy of the response.'),
  'Preference-Applied': header('`wait=N`, if the request has `Prefer: wait`.'),
  'Idempotent-Replayed': header(
    '`true` if the key was used before. The response shows the current state of the existing job.',
  ),
  Link: header('`rel="next"`, if there are more pages.'),
} as const

const pick = (names: readonly (keyof typeof headers)[]) =>
  Object.fromEntries(names.map((name) => [name, headers[name]]))

export const jobAnswer = (description: string, names: readonly (keyof typeof headers)[]) => ({
  description,
  headers: pick(names),
  content: jsonOf('Job'),
})

export const acceptedAnswer = {
  description: 'The job is accepted and stored.',
  headers: pick(['Location', 'Retry-After', 'ETag', 'Cache-Control', 'Preference-Applied', 'Idempotent-Replayed']),
  content: jsonOf('AcceptedJob'),
}

export const listAnswer = {
  description: 'A page of jobs.',
  headers: pick(['Link', 'Cache-Control']),
  content: jsonOf('JobList'),
}

export const deliveriesAnswer = { description: 'The webhooks.', content: jsonOf('DeliveryList') }

export const deliveryAnswer = { description: 'The webhook is queued.', content: jsonOf('Delivery') }

export const endpointAnswer = { description: 'The webhook endpoint.', content: jsonOf('WebhookEndpoint') }

export const endpointsAnswer = { description: 'The webhook endpoints.', content: jsonOf('WebhookEndpointList') }

export const newEndpointAnswer = {
  description: 'The webhook endpoint with its new secret.',
  content: jsonOf('WebhookEndpointWithSecret'),
}

export const batchAnswer = {
  description: 'The batch. Jobs that have been deleted are not counted.',
  headers: pick(['ETag', 'Retry-After', 'Cache-Control']),
  content: jsonOf('Batch'),
}

export const batchStreamAnswer = {
  description:
    'Server-sent events without an event name. `id` is the version, and `data` is one line of JSON: a Batch. The stream ends with the last job.',
  content: { 'text/event-stream': { schema: text, 'x-itemSchema': ref('Batch') } },
}

export const ticketAnswer = { description: 'The stream ticket.', content: jsonOf('StreamTicket') }

export const linkAnswer = { description: 'The link to the file.', content: jsonOf('FileLink') }

const streamHeaders = {
  'Stream-Next-Offset': header('The offset from which to go on reading.'),
  'Stream-Up-To-Date': header('`true` if nothing more is stored.'),
  'Stream-Closed': header('`true` if nothing more will come.'),
  'Stream-Cursor': header('To be sent as `cursor` with the next live read.'),
}

export const outputAnswers = {
  200: {
    description:
      'Output from the offset on. JSON streams are arrays of messages. With `live=sse`, events called `data` and `control`.',
    headers: streamHeaders,
    content: {
      'text/plain': { schema: text },
      'application/json': { schema: { type: 'array', items: {} } },
      'application/octet-stream': { schema: { type: 'string', contentMediaType: 'application/octet-stream' } },
      'text/event-stream': { schema: text },
    },
  },
  204: { description: 'A long-poll that found nothing new.', headers: streamHeaders },
  304: { description: 'The output is the known one.' },
}

const fileHeaders = {
  ETag: header('The SHA-256 of the file, quoted.'),
  'Accept-Ranges': header('`bytes`.'),
  'Content-Disposition': header('The name of the file.'),
}
const bytes = { '*/*': { schema: { type: 'string', contentMediaType: 'application/octet-stream' } } }

export const fileAnswers = {
  200: { description: 'The file, with its own content type.', headers: fileHeaders, content: bytes },
  206: {
    description: 'The range of the file.',
    headers: { ...fileHeaders, 'Content-Range': header('`bytes <first>-<last>/<size>`.') },
    content: bytes,
  },
  304: { description: 'The file is the known one.' },
  307: {
    description: 'The file is in an object storage. The URL is valid for a few minutes.',
    headers: { Location: header('The URL of the file.') },
  },
  416: { description: 'The range is beyond the file.', headers: { 'Content-Range': header('`bytes */<size>`.') } },
}

export const streamAnswer = (id: string, end: string) => ({
  description: `Server-sent events without an event name. \`id\` is ${id}, and \`data\` is one line of JSON: a JobEvent with the complete job. ${end}`,
  // OpenAPI 3.2 has `itemSchema` for this. OpenAPI 3.1 has no equivalent.
  content: { 'text/event-stream': { schema: text, 'x-itemSchema': ref('JobEvent') } },
})

/** The problem responses with these statuses, each with its error codes. */
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
  batchId: { name: 'batchId', in: 'path', required: true, schema: text },
  deliveryId: { name: 'deliveryId', in: 'path', required: true, schema: text },
  endpointId: { name: 'endpointId', in: 'path', required: true, schema: text },
  idempotencyKey: inHeader(
    'Idempotency-Key',
    '1 to 255 printable ASCII characters. A repeated request with the same key returns the same job.',
  ),
  prefer: inHeader('Prefer', `\`wait=N\`: long-poll for up to N seconds, at most ${longestWait}.`),
  ifNoneMatch: inHeader('If-None-Match', 'The last known ETag.'),
  lastEventId: inHeader('Last-Event-ID', 'The last version received. EventSource sends it when it reconnects.'),
  lastEventIdQuery: inQuery('lastEventId', 'Same as Last-Event-ID, for clients that cannot set headers.', text),
  jobs: inQuery(
    'jobs',
    'At most 100 job ids, separated by commas. Those of other owners are left out, like unknown ones.',
    text,
  ),
  ticket: inQuery('ticket', 'A stream ticket, instead of a credential.', text),
  run: { name: 'run', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } },
  offset: inQuery(
    'offset',
    '`-1` for the start, `now` for the end, or a `Stream-Next-Offset`. Required with `live`.',
    text,
  ),
  live: inQuery('live', 'Waits for more: once, or as server-sent events.', { enum: ['long-poll', 'sse'] }),
  outputCursor: inQuery('cursor', 'The last `Stream-Cursor`.', text),
  fileName: { name: 'fileName', in: 'path', required: true, schema: text },
  fileTicket: inQuery('ticket', 'The ticket of a link, instead of a credential.', text),
  range: inHeader('Range', 'One range of bytes, such as `bytes=0-99`.'),
  ifRange: inHeader(
    'If-Range',
    'The ETag of the file to which the range belongs. With another one, the response is the whole file.',
  ),
  include: inQuery('include', 'Adds the input to the job.', { enum: ['input'] }),
  status: {
    ...inQuery('status', 'Only jobs with one of these statuses.', { type: 'array', items: { enum: jobStatuses } }),
    style: 'form',
    explode: true,
  },
  type: inQuery('type', 'Only jobs of this type.', text),
  limit: inQuery('limit', 'The page size.', {
    type: 'integer',
    minimum: pageSize.least,
    maximum: pageSize.most,
    default: pageSize.usual,
  }),
  cursor: inQuery('cursor', '`nextCursor` of the previous page. Opaque.', text),
}
