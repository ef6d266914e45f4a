import type { JobService } from '../service.ts'
import { toFetchResponse } from './adapters/fetch-response.ts'
import type { HttpOptions } from './identity.ts'
import { acceptOnRoute, type RouteJobRequest } from './own-route.ts'
import { fromFetchRequest, type HttpRequest } from './request.ts'
import type { HttpResponse } from './response.ts'
import { handleRequest } from './router.ts'

/** The two ways in, in the words of the web. */
export interface EntryPoints {
  fetch(request: Request): Promise<Response>
  accept(request: Request, asked: RouteJobRequest): Promise<Response>
}

/** The same two without a Request and a Response, which cost more than all the rest of accepting a job. */
interface Direct {
  fetch(request: HttpRequest): Promise<HttpResponse>
  accept(request: HttpRequest, asked: RouteJobRequest): Promise<HttpResponse>
}

const directHandlersOf = new WeakMap<EntryPoints['fetch'] | EntryPoints['accept'], Direct>()

/** Of these very functions; one that somebody has wrapped around them has no shortcut past itself. */
export const directHandlers = (way: EntryPoints['fetch'] | EntryPoints['accept']): Direct | undefined =>
  directHandlersOf.get(way)

/** Both reject for what is no Request, and never else. */
export function createEntryPoints(service: JobService, options: () => HttpOptions): EntryPoints {
  const direct: Direct = {
    fetch: (request) => handleRequest(service, options, request),
    accept: (request, asked) => acceptOnRoute(service, options, request, asked),
  }
  const fetch: EntryPoints['fetch'] = async (request) => toFetchResponse(await direct.fetch(fromFetchRequest(request)))
  const accept: EntryPoints['accept'] = async (request, asked) =>
    toFetchResponse(await direct.accept(fromFetchRequest(request), asked))
  directHandlersOf.set(fetch, direct)
  directHandlersOf.set(accept, direct)
  return { fetch, accept }
}
