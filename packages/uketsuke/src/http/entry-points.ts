import { type McpOptions, mcpHandler } from '../mcp/handler.ts'
import type { JobService } from '../service.ts'
import { toFetchResponse } from './adapters/fetch-response.ts'
import { createHttpService } from './http-service.ts'
import type { HttpOptions } from './identity.ts'
import { acceptOnRoute, type RouteJobRequest } from './own-route.ts'
import { fromFetchRequest, type HttpRequest } from './request.ts'
import type { HttpResponse } from './response.ts'
import { handleRequest } from './router.ts'
import type { StreamQuota } from './sse/open-streams.ts'

/** The entry points of the HTTP API, as fetch handlers. */
export interface EntryPoints {
  fetch(request: Request): Promise<Response>
  accept(request: Request, job: RouteJobRequest): Promise<Response>
}

/** The same without `Request` and `Response` objects, which cost more than all other work of accepting a job. */
interface DirectHandlers {
  fetch(request: HttpRequest): Promise<HttpResponse>
  accept(request: HttpRequest, job: RouteJobRequest): Promise<HttpResponse>
}

/**
 * The same for every copy of this package in a process: a bundler may give an adapter another copy than `createJobs`. The number changes
 * with `DirectHandlers`.
 */
const direct: unique symbol = Symbol.for('uketsuke.directHandlers.1')
type EntryPoint = ((...args: never[]) => Promise<Response>) & { [direct]?: DirectHandlers }

/** The direct handlers of an entry point. A function that wraps an entry point has none, so that every request goes through the wrapper. */
export const directHandlers = (entryPoint: EntryPoint): DirectHandlers | undefined => entryPoint[direct]

/** Both reject only for an argument that is not a `Request`. */
export function createEntryPoints(
  jobService: JobService,
  options: HttpOptions,
  streams: StreamQuota,
  isRevoked: HttpOptions['isRevoked'],
): EntryPoints & { openStreams(): number; mcp(given?: McpOptions): (request: Request) => Promise<Response> } {
  const service = createHttpService(jobService, streams, isRevoked)
  const handlers: DirectHandlers = {
    fetch: (request) => handleRequest(service, options, request),
    accept: (request, job) => acceptOnRoute(service, options, request, job),
  }
  const { accept: acceptDirectly } = handlers
  const accept: EntryPoints['accept'] = async (request, job) =>
    toFetchResponse(await acceptDirectly(fromFetchRequest(request), job))
  const entryPoint = (fetch: DirectHandlers['fetch']) =>
    Object.assign(async (request: Request) => toFetchResponse(await fetch(fromFetchRequest(request))), {
      [direct]: { fetch, accept: acceptDirectly },
    })
  return {
    fetch: entryPoint(handlers.fetch),
    accept: Object.assign(accept, { [direct]: handlers }),
    openStreams: () => service.streams.count,
    mcp: (given) => entryPoint(mcpHandler(service, options, given)),
  }
}
