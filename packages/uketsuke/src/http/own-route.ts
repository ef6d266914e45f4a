import type { Accepted } from '../accept/accept.ts'
import type { AcceptRequest, Idempotency } from '../accept/request.ts'
import { UketsukeError } from '../domain/errors.ts'
import { idempotencyKey } from './headers.ts'
import type { HttpService } from './http-service.ts'
import { type HttpOptions, identify } from './identity.ts'
import { holdForEnd } from './long-poll.ts'
import { problem, toUketsukeError } from './problem.ts'
import { heldFor, quickAnswer } from './quick-answer.ts'
import { type HttpRequest, logOf, where } from './request.ts'
import { accepted, type HttpResponse, withoutOutput } from './response.ts'
import type { RequestContext } from './route.ts'

/** The job that a user's own route requests. The owner, the idempotency key and `Prefer` come from the HTTP request. */
export interface RouteJobRequest extends Omit<AcceptRequest, 'owner' | 'idempotency' | 'inputIsJson'> {
  /**
   * How long the response waits for the job, in milliseconds, up to 50,000. If it completes in time, the response is a 200 with the output
   * as its body; otherwise, and if it fails, the usual 202.
   */
  answerWithin?: number | undefined
}

/**
 * Accepts a job on a user's own route. Resolves with the complete response: the 202 with `Location`, `Retry-After`, `statusUrl` and
 * `message`, the 200 of a quick answer, or the problem. Never rejects.
 */
export async function acceptOnRoute(
  service: HttpService,
  options: HttpOptions,
  request: HttpRequest,
  { answerWithin, ...job }: RouteJobRequest,
): Promise<HttpResponse> {
  try {
    const identified = identify(options, request, 'jobs:create')
    const { owner, canRead } = identified instanceof Promise ? await identified : identified
    return await accept({ service, request, canRead, answerWithin }, { ...job, owner, inputIsJson: undefined })
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
type Creating = Pick<RequestContext, 'service' | 'request' | 'canRead'> & Pick<RouteJobRequest, 'answerWithin'>

/** Stores the job and responds with 202. Modifies `job`. */
export function accept(context: Creating, job: AcceptRequest, route = where(context.request)): Promise<HttpResponse> {
  return respondAccepted(context, route, (idempotency) => {
    job.idempotency = idempotency
    job.carrier = context.request
    return context.service.accept(job)
  })
}

/**
 * The response of every route that creates a job: 202, always after the commit, and never an error after it. With `answerWithin`, it is
 * a 200 with the output if the job completes in time. The scope of the idempotency key includes `route`.
 */
export async function respondAccepted(
  { service, request, canRead, answerWithin }: Creating,
  route: string,
  make: (idempotency: Idempotency | undefined) => Promise<Accepted>,
): Promise<HttpResponse> {
  const key = idempotencyKey(request.header('idempotency-key'))
  const { seconds, applied, quick } = heldFor(request.header('prefer'), answerWithin)
  const { job, created, deduplicated } = await make(key === null ? undefined : { route, key })
  const latest = seconds === 0 ? job : await holdForEnd({ service, request }, job, seconds)
  const more: Record<string, string> = {}
  if (!created && !deduplicated) more['Idempotent-Replayed'] = 'true'
  if (applied !== null) more['Preference-Applied'] = applied
  if (quick && canRead && latest.status === 'completed') {
    return quickAnswer(latest.output ?? 'null', `${service.base}/${latest.id}`, more)
  }
  return accepted(service, canRead ? latest : withoutOutput(latest), more, deduplicated)
}
