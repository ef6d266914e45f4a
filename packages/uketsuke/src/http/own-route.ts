import type { Accepted } from '../accept/accept.ts'
import type { AcceptRequest, Idempotency } from '../accept/request.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { idempotencyKey, preferredWait } from './headers.ts'
import type { HttpService } from './http-service.ts'
import { type HttpOptions, identify } from './identity.ts'
import { hold } from './long-poll.ts'
import { problem, toUketsukeError } from './problem.ts'
import { type HttpRequest, logOf, where } from './request.ts'
import { accepted, type HttpResponse, withoutOutput } from './response.ts'
import type { RequestContext } from './route.ts'

/** The job that a user's own route requests. The owner, the idempotency key and `Prefer` come from the HTTP request. */
export type RouteJobRequest = Omit<AcceptRequest, 'owner' | 'idempotency' | 'inputIsJson'>

/**
 * Accepts a job on a user's own route. Resolves with the complete response: the 202 with `Location`, `Retry-After`, `statusUrl` and
 * `message`, or the problem. Never rejects.
 */
export async function acceptOnRoute(
  service: HttpService,
  options: HttpOptions,
  request: HttpRequest,
  job: RouteJobRequest,
): Promise<HttpResponse> {
  try {
    const identified = identify(options, request, 'jobs:create')
    const { owner, canRead } = identified instanceof Promise ? await identified : identified
    return await accept({ service, request, canRead }, { ...job, owner, inputIsJson: undefined })
  } catch (thrown) {
    const error = toUketsukeError(thrown, logOf(service, request), where(request))
    return problem(fromInput(error))
  }
}

/** Makes pointers relative to the input: on a user's own route, the client sends only the input. */
function fromInput<E extends UketsukeError>(error: E): E {
  if (error.errors === undefined) return error
  const errors = error.errors.map(({ pointer, detail }) => ({
    pointer: pointer.replace(/^\/input(?=\/|$)/, ''),
    detail,
  }))
  return new UketsukeError(error.code, error.message, { errors, cause: error }) as E
}

/** What the routes that create a job need of their request. */
type Creating = Pick<RequestContext, 'service' | 'request' | 'canRead'>

/** Stores the job and responds with 202. Modifies `job`. */
export function accept(context: Creating, job: AcceptRequest, route = where(context.request)): Promise<HttpResponse> {
  return respondAccepted(context, route, (idempotency) => {
    job.idempotency = idempotency
    job.carrier = context.request
    return context.service.accept(job)
  })
}

/**
 * The response of every route that creates a job: 202, always after the commit, and never an error after it. The scope of the
 * idempotency key includes `route`.
 */
export async function respondAccepted(
  { service, request, canRead }: Creating,
  route: string,
  make: (idempotency: Idempotency | undefined) => Promise<Accepted>,
): Promise<HttpResponse> {
  const key = idempotencyKey(request.header('idempotency-key'))
  const seconds = preferredWait(request.header('prefer'))
  const { job, created, deduplicated } = await make(key === null ? undefined : { route, key })
  const latest = seconds === null ? job : await longPoll(service, request, job, seconds)
  const more: Record<string, string> = {}
  if (!created && !deduplicated) more['Idempotent-Replayed'] = 'true'
  if (seconds !== null) more['Preference-Applied'] = `wait=${seconds}`
  return accepted(service, canRead ? latest : withoutOutput(latest), more, deduplicated)
}

async function longPoll(service: HttpService, request: HttpRequest, job: Job, seconds: number): Promise<Job> {
  if (seconds === 0 || isTerminal(job)) return job
  try {
    const follower = await service.follow(job.owner, job.id, job.version)
    return await hold({ service, request }, follower, job, seconds, isTerminal)
  } catch (thrown) {
    service.log.warn({ err: thrown, jobId: job.id }, 'long-poll failed to start')
    return job
  }
}
