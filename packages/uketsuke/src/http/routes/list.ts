import { view } from '../../domain/view.ts'
import { listAnswer, parameter, problems } from '../openapi/responses.ts'
import { cursor, cursorAfter, limit, single, statusFilter } from '../query.ts'
import { json } from '../response.ts'
import type { Route } from '../route.ts'

export const list: Route = {
  method: 'GET',
  path: '/',
  scope: 'jobs:read',
  query: ['status', 'type', 'limit', 'cursor'],
  produces: 'application/json',
  operation: {
    operationId: 'listJobs',
    summary: "List the caller's jobs, newest first.",
    parameters: [parameter.status, parameter.type, parameter.limit, parameter.cursor],
    responses: { 200: listAnswer, ...problems(400, 406) },
  },
  async handle({ service, owner, request: { query } }) {
    const { items, next } = await service.list({
      owner,
      status: statusFilter(query),
      type: single(query, 'type') ?? undefined,
      limit: limit(query),
      before: cursor(query),
    })
    const nextCursor = next === null ? null : cursorAfter(next)
    const headers: Record<string, string> = { 'Cache-Control': 'private, no-cache' }
    if (nextCursor !== null) {
      const nextQuery = new URLSearchParams(query)
      nextQuery.set('cursor', nextCursor)
      headers.Link = `<${service.base || '/'}?${nextQuery}>; rel="next"`
    }
    return json({ items: items.map((job) => view(job, service.base)), nextCursor }, 200, headers)
  },
}
