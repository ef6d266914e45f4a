import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../base/log.ts'
import { directHandlers, type EntryPoints } from '../entry-points.ts'
import type { AdapterOptions } from '../identified.ts'
import { assertUnwrapped, bound } from './identify.ts'
import { NodeRequest } from './node-fetch-request.ts'
import { nodeHandler } from './node-handler.ts'
import { NodeHttpRequest } from './node-http-request.ts'
import { send, sendFetchResponse } from './node-http-response.ts'

/** The part of `Jobs` that the adapters need. */
export interface JobsOverHttp extends EntryPoints {
  readonly basePath: string
  readonly url?: string
  /** Logs errors between the server and the jobs API. Default: pino at level `info`. */
  readonly log?: Log
}

/** Handles requests on Node.js with the jobs API. `native` is the request of the framework, which `identify` gets. */
export function nodeExchange<Native>(
  jobs: Pick<JobsOverHttp, 'fetch' | 'log'>,
  identify: AdapterOptions<Native>['identify'],
): (req: IncomingMessage, res: ServerResponse, native: Native) => void {
  const direct = directHandlers(jobs.fetch)
  if (direct === undefined) {
    assertUnwrapped(identify)
    jobs.log?.info(
      {},
      'jobs.fetch is wrapped: each request is converted to a web Request, which is slower than nodeListener(jobs)',
    )
    const listener = listen((request) => jobs.fetch(request), jobs.log)
    return (req, res) => listener(req, res)
  }
  return nodeHandler<Native>(
    async (req, res, native) =>
      send(await direct.fetch(new NodeHttpRequest(req, res, bound(identify, native))), req, res),
    jobs.log,
  )
}

/** Runs a fetch handler on Node.js. It sees the whole path, also where a router of Express has cut off the path of its mount. */
export function listen(
  handler: (request: Request) => Promise<Response>,
  log?: Log,
): (req: IncomingMessage, res: ServerResponse) => void {
  const direct = directHandlers(handler)
  if (direct !== undefined) {
    const exchange = nodeExchange({ fetch: handler, ...(log && { log }) }, undefined)
    return (req, res) => exchange(req, res, req)
  }
  const handle = nodeHandler(async (req, res) => {
    const { originalUrl } = req as { originalUrl?: string }
    await sendFetchResponse(await handler(new NodeRequest(req, res, originalUrl).real), req, res)
  }, log)
  return (req, res) => handle(req, res)
}
