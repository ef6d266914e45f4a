import { UketsukeError } from '../../domain/errors.ts'
import { isTerminal } from '../../domain/job.ts'
import { parameter, problems, streamAnswer } from '../openapi/responses.ts'
import { single } from '../query.ts'
import type { HttpRequest } from '../request.ts'
import type { Route } from '../route.ts'
import { eventStream, softRefusal } from '../sse/event-stream.ts'
import { ticketCaller } from '../ticket-seal.ts'

export const stream: Route = {
  method: 'GET',
  path: '/{jobId}/stream',
  scope: 'jobs:read',
  query: ['ticket', 'lastEventId'],
  produces: 'text/event-stream',
  // A HEAD request would subscribe without reading.
  head: false,
  operation: {
    operationId: 'streamJob',
    summary: 'Stream a job as server-sent events: its current state, then each change, up to the terminal state.',
    parameters: [parameter.lastEventId, parameter.lastEventIdQuery, parameter.ticket],
    responses: {
      200: streamAnswer('the version', 'The stream ends after the terminal event.'),
      204: { description: 'The job has ended and the client has its terminal state. EventSource stops reconnecting.' },
      ...problems(400, 404, 406, 503),
    },
  },
  async admit(service, options, query, jobId) {
    const ticket = single(query, 'ticket')
    if (ticket === null) return null
    return ticketCaller(service, options, { purpose: 'stream-ticket', jobId, item: '' }, ticket)
  },
  async handle({ service, request, owner, caller, jobId }) {
    if (service.draining.aborted) throw new UketsukeError('temporarily-unavailable', 'The server is shutting down.')
    // Read the store first: the follower can lag, and a client that knows a newer version must not get an earlier one.
    const job = await service.find(owner, jobId)
    const { version } = lastSeen(request)
    if (isTerminal(job) && version !== null && version >= job.version) {
      return { status: 204, headers: { 'Cache-Control': 'no-store' }, body: null }
    }
    const place = service.streams.open(caller)
    try {
      const follower = await service.follow(owner, jobId, job.version)
      // Skip the state only if the client already has it. An id from the future is ignored.
      return eventStream(service, follower, version === job.version ? null : job, place)
    } catch (error) {
      place.release()
      throw error
    }
  },
  soften: (request, error) => softRefusal(lastSeen(request).given, error),
}

/** EventSource sends the header on a reconnect, so it is newer than the query parameter. */
export function lastSeen(request: HttpRequest): { given: boolean; version: number | null } {
  const text = request.header('last-event-id') ?? request.query.get('lastEventId')
  return {
    given: text !== null,
    version: text !== null && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null,
  }
}
