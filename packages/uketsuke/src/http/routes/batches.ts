import { UketsukeError } from '../../domain/errors.ts'
import { etag, noneMatch } from '../headers.ts'
import { batchAnswer, batchStreamAnswer, parameter, problems } from '../openapi/responses.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'
import { BatchReader } from '../sse/batch-reader.ts'
import { batchStream, softRefusal } from '../sse/event-stream.ts'
import { lastSeen } from './stream.ts'

const batch: Route = {
  method: 'GET',
  path: '/batches/{batchId}',
  scope: 'jobs:read',
  query: [],
  produces: 'application/json',
  operation: {
    operationId: 'getBatch',
    summary: 'Count the jobs that one call has created, by status.',
    parameters: [parameter.ifNoneMatch],
    responses: {
      200: batchAnswer,
      304: { description: 'No job of the batch has changed.' },
      ...problems(400, 404, 406),
    },
  },
  async handle({ service, owner, itemId, request }) {
    const { view, version } = await service.batch(owner, itemId)
    const headers: Record<string, string> = { ETag: etag(version), 'Cache-Control': 'private, no-cache' }
    if (view.completedAt === null) headers['Retry-After'] = '1'
    if (!noneMatch(request.header('if-none-match'), version)) return { status: 304, headers, body: null }
    return json(view, 200, headers)
  },
}

const stream: Route = {
  method: 'GET',
  path: '/batches/{batchId}/stream',
  scope: 'jobs:read',
  query: ['lastEventId'],
  produces: 'text/event-stream',
  head: false,
  operation: {
    operationId: 'streamBatch',
    summary: 'Stream the counts of a batch as server-sent events, up to the end of its last job.',
    parameters: [parameter.lastEventId, parameter.lastEventIdQuery],
    responses: {
      200: batchStreamAnswer,
      204: { description: 'All jobs have ended and the client has the last counts.' },
      ...problems(400, 404, 406, 503),
    },
  },
  async handle({ service, request, owner, caller, itemId }) {
    if (service.draining.aborted) throw new UketsukeError('temporarily-unavailable', 'The server is shutting down.')
    const first = await service.batch(owner, itemId)
    const { version } = lastSeen(request)
    const isKnown = version === first.version
    if (isKnown && first.view.completedAt !== null)
      return { status: 204, headers: { 'Cache-Control': 'no-store' }, body: null }
    const place = service.streams.open(caller)
    const count = () =>
      service.batch(owner, itemId).catch((error: unknown) => {
        if (error instanceof UketsukeError && error.code === 'not-found') return null
        throw error
      })
    const reader = new BatchReader(count, service.clock, first.version)
    return batchStream(service, reader, isKnown ? null : first, place)
  },
  soften: (request, error) => softRefusal(lastSeen(request).given, error),
}

export const batches: readonly Route[] = [batch, stream]
