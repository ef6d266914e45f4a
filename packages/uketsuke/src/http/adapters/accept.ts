import type { Log } from '../../base/log.ts'
import { directHandlers } from '../entry-points.ts'
import type { AdapterOptions } from '../identified.ts'
import type { RouteJobRequest } from '../own-route.ts'
import { assertUnwrapped, bound } from './identify.ts'
import { listen } from './node-exchange.ts'
import { nodeHandler } from './node-handler.ts'
import { NodeHttpRequest } from './node-http-request.ts'
import { send } from './node-http-response.ts'

/** The job that a route of your own asks for, with the name of one of the program's job types. */
export interface OwnJob<Name extends string> extends RouteJobRequest {
  type: Name
}

/** The part of `Jobs` that the helpers for routes of your own need. */
export interface AcceptingJobs<Name extends string> {
  readonly log?: Log
  accept(request: Request, job: OwnJob<Name>): Promise<Response>
}

/** `accept` does not read the body, which the route has already read. */
export const withoutBody = { rawBody: Buffer.alloc(0) }

/** Accepts one job on a user's own route of a server that is based on `node:http`. `request` is that of the framework. */
export function nodeAcceptor<Name extends string>(
  jobs: AcceptingJobs<Name>,
  job: OwnJob<Name>,
  request: unknown,
  identify: AdapterOptions<never>['identify'],
) {
  const direct = directHandlers(jobs.accept)
  if (direct === undefined) {
    assertUnwrapped(identify)
    return listen((request) => jobs.accept(request, job), jobs.log)
  }
  return nodeHandler(
    async (req, res) =>
      send(await direct.accept(new NodeHttpRequest(req, res, bound(identify, request)), job), req, res),
    jobs.log,
  )
}
