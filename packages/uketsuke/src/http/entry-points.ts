import type { JobService } from '../service.ts'
import { toFetchResponse } from './adapters/fetch-response.ts'
import { createHttpService } from './http-service.ts'
import type { HttpOptions } from './identity.ts'
import { acceptOnRoute, type RouteJobRequest } from './own-route.ts'
import { fromFetchRequest, type HttpRequest } from './request.ts'
import type { HttpResponse } from './response.ts'
import { handleRequest } from './router.ts'

/** The two entry points, as fetch handlers. */
export interface EntryPoints {
  fetch(request: Request): Promise<Response>
  accept(request: Request, asked: RouteJobRequest): Promise<Response>
}

/** The same without a `Request` and a `Response`, which cost more than all the rest of accepting a job. */
interface DirectHandlers {
  fetch(request: HttpRequest): Promise<HttpResponse>
  accept(request: HttpRequest, asked: RouteJobRequest): Promise<HttpResponse>
}

const direct = Symbol('direct handlers')
type EntryPoint = ((...args: never[]) => Promise<Response>) & { [direct]?: DirectHandlers }

/** Those of one of our own entry points. A function that wraps one has none, and every request goes through it. */
export const directHandlers = (entryPoint: EntryPoint): DirectHandlers | undefined => entryPoint[direct]

/** Both reject only for an argument that is not a `Request`. */
export function createEntryPoints(jobService: JobService, options: () => HttpOptions): EntryPoints {
  const service = createHttpService(jobService)
  const handlers: DirectHandlers = {
    fetch: (request) => handleRequest(service, options, request),
    accept: (request, asked) => acceptOnRoute(service, options, request, asked),
  }
  const fetch: EntryPoints['fetch'] = async (request) =>
    toFetchResponse(await handlers.fetch(fromFetchRequest(request)))
  const accept: EntryPoints['accept'] = async (request, asked) =>
    toFetchResponse(await handlers.accept(fromFetchRequest(request), asked))
  return { fetch: Object.assign(fetch, { [direct]: handlers }), accept: Object.assign(accept, { [direct]: handlers }) }
}
