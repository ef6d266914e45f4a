import type { IncomingMessage, ServerResponse } from 'node:http'
import { isThenable } from '../../base/thrown.ts'
import { below, normalizePath } from '../base-path.ts'
import { directHandlers } from '../entry-points.ts'
import type { RouteJobRequest } from '../own-route.ts'
import { type JobsOverHttp, listen, nodeListener } from './node.ts'
import { nodeHandler } from './node-handler.ts'
import { NodeHttpRequest } from './node-http-request.ts'
import { send } from './node-http-response.ts'

/** The part of Express's request that is used. Express itself is not imported. */
export interface ExpressRequest extends IncomingMessage {
  originalUrl?: string
  baseUrl?: string
  body?: unknown
  rawBody?: unknown
}

type Next = (error?: unknown) => void
type Handler<Req extends ExpressRequest> = (req: Req, res: ServerResponse, next: Next) => void

/** Middleware that answers what lies below the jobs' base path, wherever it is mounted, and leaves the rest to others. */
export function expressJobs(jobs: JobsOverHttp): Handler<ExpressRequest> {
  const listener = nodeListener(jobs)
  const prefixes = prefixesOf(jobs)
  let warned = false
  return (req, res, next) => {
    // A router has cut `url`; only where the API is to be at the router's own root is that the path to look at.
    const url = jobs.basePath === '' ? req?.url : (req?.originalUrl ?? req?.url)
    const path = url?.split?.('?', 1)[0]
    if (path !== undefined && below(prefixes, normalizePath(path)) === null) {
      if (!warned && elsewhere(req.baseUrl, prefixes)) {
        warned = true
        jobs.log?.warn(
          { basePath: jobs.basePath || '/', mountedAt: req.baseUrl },
          'expressJobs is mounted at a path that is not the basePath, so it answers nothing. Set basePath to that path.',
        )
      }
      return next()
    }
    if (path !== undefined) req.url = url
    listener(req, res)
  }
}

/** Whether no path below the one that it is mounted at can be one of the API's. */
function elsewhere(mountedAt: string | undefined, prefixes: readonly string[]): boolean {
  if (!mountedAt) return false
  const at = normalizePath(mountedAt)
  return below(prefixes, at) === null && prefixes.every((prefix) => below([at], prefix) === null)
}

/** Not the root that a proxy may have left: what else is there belongs to the rest of the app. */
function prefixesOf({ basePath, url }: JobsOverHttp): string[] {
  const seen = url !== undefined && URL.canParse(url) ? new URL(url).pathname : basePath
  return [basePath, seen]
}

/**
 * A handler for a route of your own that answers with a whole 202: `asked` says which job the request asks for. What it throws goes
 * to `next()`.
 */
export function expressAccept<Req extends ExpressRequest = ExpressRequest>(
  jobs: JobsOverHttp,
  asked: (req: Req) => RouteJobRequest | Promise<RouteJobRequest>,
): Handler<Req> {
  return (req, res, next) => {
    const answer = (wanted: RouteJobRequest) => {
      req.url = req.originalUrl ?? req.url
      // `accept` never reads the body: what `asked` made of it is all there is to know.
      req.rawBody = unread
      acceptor(jobs, wanted)(req, res)
    }
    try {
      const wanted = asked(req)
      if (isThenable(wanted)) Promise.resolve(wanted).then(answer).catch(next)
      else answer(wanted)
    } catch (error) {
      next(error)
    }
  }
}

const unread = Buffer.alloc(0)

/** Answers one request that asks for a job, on a route of the user's own. */
function acceptor(jobs: Pick<JobsOverHttp, 'accept' | 'log'>, asked: RouteJobRequest) {
  const direct = directHandlers(jobs.accept)
  if (direct === undefined) return listen((request) => jobs.accept(request, asked), jobs.log)
  return nodeHandler(
    async (req, res) => send(await direct.accept(new NodeHttpRequest(req, res), asked), req, res),
    jobs.log,
  )
}
