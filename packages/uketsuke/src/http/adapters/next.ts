import type { AdapterOptions } from '../identified.ts'
import type { AcceptingJobs, OwnJob } from './accept.ts'
import { acceptExchange, fetchExchange } from './fetch-exchange.ts'
import type { JobsOverHttp } from './node-exchange.ts'

/** A handler of a `route.ts`. */
type RouteHandler<Req extends Request> = (request: Req) => Promise<Response>

/**
 * The route handlers of the jobs API, for `app/api/jobs/[[...path]]/route.ts` of the App Router. Next.js itself is not imported.
 * @example
 * export const { GET, POST, DELETE } = nextJobs(jobs)
 */
export function nextJobs<Req extends Request = Request>(
  jobs: Pick<JobsOverHttp, 'fetch'>,
  { identify }: AdapterOptions<Req> = {},
): Record<'GET' | 'POST' | 'DELETE', RouteHandler<Req>> {
  const handler = (request: Req) => fetchExchange(jobs, { request, native: request }, identify)
  return { GET: handler, POST: handler, DELETE: handler }
}

/** A handler for a `route.ts` of your own that responds with a complete 202. `toJob` returns the job that a request asks for. */
export function nextAccept<Req extends Request = Request, Name extends string = string>(
  jobs: AcceptingJobs<Name>,
  toJob: (request: Req) => OwnJob<NoInfer<Name>> | Promise<OwnJob<NoInfer<Name>>>,
  { identify }: AdapterOptions<Req> = {},
): RouteHandler<Req> {
  return async (request) => acceptExchange(jobs, { request, native: request }, await toJob(request), identify)
}
