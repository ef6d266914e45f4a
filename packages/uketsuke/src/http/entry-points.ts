import type { JobService } from '../service.ts'
import { toFetchResponse } from './adapters/fetch-response.ts'
import { createHttpService, type HttpService } from './http-service.ts'
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

/** A handler that shares the state of the HTTP API with all others, such as the number of open streams. */
type MakeHandler = (service: HttpService, options: HttpOptions) => DirectHandlers['fetch']

/** `fetch` and `accept` reject only for an argument that is not a `Request`. `serve` makes an entry point of any other handler. */
export function createEntryPoints(
  jobService: JobService,
  options: HttpOptions,
  streams: StreamQuota,
  isRevoked: HttpOptions['isRevoked'],
): EntryPoints & { openStreams(): number; serve(make: MakeHandler): EntryPoints['fetch'] } {
  const service = createHttpService(jobService, streams, isRevoked)
  const acceptDirectly: DirectHandlers['accept'] = (request, job) => acceptOnRoute(service, options, request, job)
  const entryPoint = (fetch: DirectHandlers['fetch']) =>
    Object.assign(async (request: Request) => toFetchResponse(await fetch(fromFetchRequest(request))), {
      [direct]: { fetch, accept: acceptDirectly },
    })
  const fetch = entryPoint((request) => handleRequest(service, options, request))
  const accept: EntryPoints['accept'] = async (request, job) =>
    toFetchResponse(await acceptDirectly(fromFetchRequest(request), job))
  return {
    fetch,
    accept: Object.assign(accept, { [direct]: fetch[direct] }),
    openStreams: () => service.streams.count,
    serve: (make) => entryPoint(make(service, options)),
  }
}
