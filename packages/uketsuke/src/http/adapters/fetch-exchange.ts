import { directHandlers, type EntryPoints } from '../entry-points.ts'
import type { AdapterOptions } from '../identified.ts'
import { fromFetchRequest, type HttpRequest } from '../request.ts'
import type { AcceptingJobs, OwnJob } from './accept.ts'
import { toFetchResponse } from './fetch-response.ts'
import { assertUnwrapped, bound } from './identify.ts'

/** What a framework based on fetch knows of a request. */
interface Exchange<Native> {
  request: Request
  /** The framework's own request, which `identify` gets. */
  native: Native
  /** Reads a body that the framework has already read. */
  read?: HttpRequest['read'] | undefined
}

/** Handles a request to the jobs API. */
export async function fetchExchange<Native>(
  jobs: Pick<EntryPoints, 'fetch'>,
  exchange: Exchange<Native>,
  identify: AdapterOptions<Native>['identify'],
): Promise<Response> {
  const direct = directHandlers(jobs.fetch)
  if (direct === undefined) {
    assertUnwrapped(identify)
    return jobs.fetch(exchange.request)
  }
  return toFetchResponse(await direct.fetch(httpRequest(exchange, identify)))
}

/** Accepts a job on a user's own route. */
export async function acceptExchange<Native, Name extends string>(
  jobs: AcceptingJobs<Name>,
  exchange: Exchange<Native>,
  job: OwnJob<Name>,
  identify: AdapterOptions<Native>['identify'],
): Promise<Response> {
  const direct = directHandlers(jobs.accept)
  if (direct === undefined) {
    assertUnwrapped(identify)
    return jobs.accept(exchange.request, job)
  }
  return toFetchResponse(await direct.accept(httpRequest(exchange, identify), job))
}

function httpRequest<Native>(
  { request, native, read }: Exchange<Native>,
  identify: AdapterOptions<Native>['identify'],
): HttpRequest {
  const plain = fromFetchRequest(request)
  return { ...plain, native, identify: bound(identify, native), read: read ?? plain.read }
}
