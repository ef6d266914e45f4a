import { UketsukeError } from '../../domain/errors.ts'
import { isTerminal } from '../../domain/job.ts'
import { parameter, problems, streamAnswer } from '../openapi/responses.ts'
import { single } from '../query.ts'
import type { HttpRequest } from '../request.ts'
import type { Route } from '../route.ts'
import { eventStream, retryLaterStream } from '../sse/event-stream.ts'
import { ticketOwner } from './ticket.ts'

export const stream: Route = {
  method: 'GET',
  path: '/{jobId}/stream',
  scope: 'jobs:read',
  query: ['ticket', 'lastEventId'],
  produces: 'text/event-stream',
  // A HEAD would subscribe for nothing.
  head: false,
  operation: {
    operationId: 'streamJob',
    summary: 'The job as server-sent events: its present state at once, then each change, until it has ended.',
    parameters: [parameter.lastEventId, parameter.lastEventIdQuery, parameter.ticket],
    responses: {
      200: streamAnswer,
      204: { description: 'The job has ended and the client knows; EventSource stops reconnecting.' },
      ...problems(400, 404, 406, 503),
    },
  },
  async admit(service, query, jobId) {
    const ticket = single(query, 'ticket')
    return ticket === null ? null : ticketOwner(service, jobId, ticket)
  },
  async handle({ service, request, owner, jobId }) {
    if (service.draining.aborted) throw new UketsukeError('temporarily-unavailable', 'The service is stopping.')
    // Read first: who saw a version elsewhere must not be told an earlier one by a process that is a moment behind.
    const job = await service.find(owner, jobId)
    const { version } = lastSeen(request)
    if (isTerminal(job) && version !== null && version >= job.version) {
      return { status: 204, headers: { 'Cache-Control': 'no-store' }, body: null }
    }
    const follower = await service.follow(owner, jobId, job.version)
    // Only a state that the client has is not told again; an id from the future is no id at all.
    return eventStream(service, follower, version === job.version ? null : job)
  },
  /** 429 and 503 end a browser's EventSource for good: a reconnect is told to come back instead. */
  soften(request, { code, retryAfter }) {
    const passing = code === 'quota-exceeded' || code === 'temporarily-unavailable'
    return passing && lastSeen(request).given ? retryLaterStream(retryAfter) : null
  },
}

/** The header is what EventSource itself sends on a reconnect, so it is newer than what its URL says. */
function lastSeen(request: HttpRequest): { given: boolean; version: number | null } {
  const text = request.header('last-event-id') ?? request.query.get('lastEventId')
  return {
    given: text !== null,
    version: text !== null && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null,
  }
}
