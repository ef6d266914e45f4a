import type { Accepted, Asked, Idempotency } from '../accept/accept.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import type { Desk } from '../service.ts'
import { idempotencyKey, preferredWait } from './headers.ts'
import { identify } from './identity.ts'
import { hold } from './long-poll.ts'
import { known, problem } from './problem.ts'
import { type Incoming, where } from './request.ts'
import { type Answer, accepted } from './response.ts'
import type { HttpOptions } from './route.ts'

/** What a route of the user's own asks for: the request itself says who, which key, and how long to wait. */
export type AskedByRoute = Omit<Asked, 'owner' | 'idempotency'>

/**
 * The whole answer to a request that asks for a job, on a route of the user's own: the 202 with `Location`, `Retry-After`, `statusUrl`
 * and `message`, or the problem. Never rejects.
 */
export async function acceptOnRoute(
  desk: Desk,
  given: () => HttpOptions,
  incoming: Incoming,
  asked: AskedByRoute,
): Promise<Answer> {
  try {
    const options = given()
    const caller = identify(options, incoming, 'jobs:write')
    const owner = typeof caller === 'string' ? caller : await caller
    return await accept(desk, incoming, { ...asked, owner })
  } catch (thrown) {
    const error = known(thrown, desk.log, where(incoming))
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
export function accept(desk: Desk, incoming: Incoming, asked: Asked, route = where(incoming)): Promise<Answer> {
  return answerNew(desk, incoming, route, (idempotency) => {
    asked.idempotency = idempotency
    return desk.accept(asked)
  })
}

/**
 * The answer of every route that makes a job: 202, always after the commit and never with an error after one. The request's key belongs
 * to `route`.
 */
export async function answerNew(
  desk: Desk,
  incoming: Incoming,
  route: string,
  make: (idempotency: Idempotency | undefined) => Promise<Accepted>,
): Promise<Answer> {
  const key = idempotencyKey(incoming.header('idempotency-key'))
  const seconds = preferredWait(incoming.header('prefer'))
  const { job, created } = await make(key === null ? undefined : { route, key })
  const held = seconds === null ? job : await waited(desk, incoming, job, seconds)
  const more: Record<string, string> = {}
  if (!created) more['Idempotent-Replayed'] = 'true'
  if (seconds !== null) more['Preference-Applied'] = `wait=${seconds}`
  return accepted(desk, held, more)
}

async function waited(desk: Desk, incoming: Incoming, job: Job, seconds: number): Promise<Job> {
  if (seconds === 0 || isTerminal(job)) return job
  try {
    const follower = await desk.follow(job.owner, job.id, job.version)
    return await hold({ desk, incoming }, follower, job, seconds, isTerminal)
  } catch (thrown) {
    desk.log.warn({ err: thrown, jobId: job.id }, 'waiting for a job could not begin')
    return job
  }
}
