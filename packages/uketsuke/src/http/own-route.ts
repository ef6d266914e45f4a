import type { Accepted } from '../accept/accept.ts'
import type { AcceptRequest, Idempotency } from '../accept/request.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { idempotencyKey, preferredWait } from './headers.ts'
import type { HttpService } from './http-service.ts'
import { type HttpOptions, identify } from './identity.ts'
import { hold } from './long-poll.ts'
import { problem, toUketsukeError } from './problem.ts'
import { type HttpRequest, where } from './request.ts'
import { accepted, type HttpResponse } from './response.ts'

/** What a route of the user's own asks for: the request itself says who, which key, and how long to wait. */
export type RouteJobRequest = Omit<AcceptRequest, 'owner' | 'idempotency'>

/**
 * The whole answer to a request that asks for a job, on a route of the user's own: the 202 with `Location`, `Retry-After`, `statusUrl`
 * and `message`, or the problem. Never rejects.
 */
export async function acceptOnRoute(
  service: HttpService,
  given: () => HttpOptions,
  request: HttpRequest,
  asked: RouteJobRequest,
): Promise<HttpResponse> {
  try {
    const options = given()
    const caller = identify(options, request, 'jobs:write')
    const owner = typeof caller === 'string' ? caller : await caller
    return await accept(service, request, { ...asked, owner })
  } catch (thrown) {
    const error = toUketsukeError(thrown, service.log, where(request))
    return problem(fromInput(error))
  }
}

/** The client posted the input itself, so that is what the pointers are to point into. */
function fromInput<E extends UketsukeError>(error: E): E {
  if (error.errors === undefined) return error
  const errors = error.errors.map(({ pointer, detail }) => ({
    pointer: pointer.replace(/^\/input(?=\/|$)/, ''),
    detail,
  }))
  return new UketsukeError(error.code, error.message, { errors, cause: error }) as E
}

/** Stores the job and answers 202. `asked` is this call's own. */
export function accept(
  service: HttpService,
  request: HttpRequest,
  asked: AcceptRequest,
  route = where(request),
): Promise<HttpResponse> {
  return respondAccepted(service, request, route, (idempotency) => {
    asked.idempotency = idempotency
    return service.accept(asked)
  })
}

/**
 * The answer of every route that makes a job: 202, always after the commit and never with an error after one. The request's key belongs
 * to `route`.
 */
export async function respondAccepted(
  service: HttpService,
  request: HttpRequest,
  route: string,
  make: (idempotency: Idempotency | undefined) => Promise<Accepted>,
): Promise<HttpResponse> {
  const key = idempotencyKey(request.header('idempotency-key'))
  const seconds = preferredWait(request.header('prefer'))
  const { job, created } = await make(key === null ? undefined : { route, key })
  const held = seconds === null ? job : await waited(service, request, job, seconds)
  const more: Record<string, string> = {}
  if (!created) more['Idempotent-Replayed'] = 'true'
  if (seconds !== null) more['Preference-Applied'] = `wait=${seconds}`
  return accepted(service, held, more)
}

async function waited(service: HttpService, request: HttpRequest, job: Job, seconds: number): Promise<Job> {
  if (seconds === 0 || isTerminal(job)) return job
  try {
    const follower = await service.follow(job.owner, job.id, job.version)
    return await hold({ service, request }, follower, job, seconds, isTerminal)
  } catch (thrown) {
    service.log.warn({ err: thrown, jobId: job.id }, 'waiting for a job could not begin')
    return job
  }
}
