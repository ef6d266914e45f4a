import { UketsukeError } from '../../domain/errors.ts'
import { parameter, problems, streamAnswer } from '../openapi/responses.ts'
import type { HttpRequest } from '../request.ts'
import type { Route } from '../route.ts'
import { endId, manyJobsStream, softRefusal } from '../sse/event-stream.ts'

/** The most jobs that a request may name. */
const mostJobs = 100

export const events: Route = {
  method: 'GET',
  path: '/events',
  scope: 'jobs:read',
  query: ['jobs', 'lastEventId'],
  produces: 'text/event-stream',
  head: false,
  operation: {
    operationId: 'streamJobs',
    summary:
      'Stream many jobs as server-sent events. Without `jobs`: every change of all own jobs from now on. With it: the current state of each job, then each change, until all have ended.',
    parameters: [parameter.jobs, parameter.lastEventId, parameter.lastEventIdQuery],
    responses: {
      200: streamAnswer('<jobId>:<version>', 'With `jobs`, the stream ends after the last terminal event.'),
      204: { description: 'All named jobs have ended and the client has their terminal states.' },
      ...problems(400, 406, 503),
    },
  },
  async handle({ service, request, owner, caller }) {
    if (service.draining.aborted) throw new UketsukeError('temporarily-unavailable', 'The server is shutting down.')
    const ids = namedJobs(request.query)
    const last = lastEventId(request)
    if (ids !== null && last === endId) return { status: 204, headers: { 'Cache-Control': 'no-store' }, body: null }
    const place = service.streams.open(caller)
    try {
      const reader =
        ids === null
          ? await service.followOwner(owner, { resume: last !== null })
          : await service.followMany(owner, ids)
      return manyJobsStream(service, reader, place)
    } catch (error) {
      place.release()
      throw error
    }
  },
  soften: (request, error) => softRefusal(lastEventId(request) !== null, error),
}

const lastEventId = (request: HttpRequest) => request.header('last-event-id') ?? request.query.get('lastEventId')

/** Reads a repeated or comma-separated parameter; null if it is absent. @throws `invalid-query` */
function namedJobs(query: URLSearchParams): string[] | null {
  if (!query.has('jobs')) return null
  const ids = query.getAll('jobs').flatMap((value) => value.split(','))
  if (ids.length > mostJobs) throw new UketsukeError('invalid-query', `jobs must name at most ${mostJobs} jobs.`)
  return [...new Set(ids)]
}
