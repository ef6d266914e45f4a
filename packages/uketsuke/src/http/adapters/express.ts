import type { IncomingMessage, ServerResponse } from 'node:http'
import { isThenable } from '../../base/thrown.ts'
import { below, normalizePath } from '../base-path.ts'
import { type AcceptingJobs, nodeAcceptor, type OwnJob, withoutBody } from './accept.ts'
import { type AdapterOptions, type JobsOverHttp, nodeListener } from './node.ts'

/** The part of Express's request that the adapter uses. Express itself is not imported. */
export interface ExpressRequest extends IncomingMessage {
  originalUrl?: string
  baseUrl?: string
  body?: unknown
  rawBody?: unknown
}

type Next = (error?: unknown) => void
type Handler<Req extends ExpressRequest> = (req: Req, res: ServerResponse, next: Next) => void

/** Middleware that handles requests below the base path, at any mount point, and passes all other requests to `next()`. */
export function expressJobs<Req extends ExpressRequest = ExpressRequest>(
  jobs: JobsOverHttp,
  options: AdapterOptions<Req> = {},
): Handler<Req> {
  const listener = nodeListener(jobs, options)
  const prefixes = prefixesOf(jobs)
  let warned = false
  return (req, res, next) => {
    // A router strips `url`. Use it only if the API is at the root of the router.
    const url = jobs.basePath === '' ? req?.url : (req?.originalUrl ?? req?.url)
    const path = url?.split?.('?', 1)[0]
    if (path !== undefined && below(prefixes, normalizePath(path)) === null) {
      if (!warned && isUnreachable(req.baseUrl, prefixes)) {
        warned = true
        jobs.log?.warn(
          { basePath: jobs.basePath || '/', mountedAt: req.baseUrl },
          'expressJobs is mounted outside basePath and receives no requests: set basePath to the mount path',
        )
      }
      return next()
    }
    if (path !== undefined) req.url = url
    listener(req, res)
  }
}

/** Whether no path below the mount path belongs to the API. */
function isUnreachable(mountedAt: string | undefined, prefixes: readonly string[]): boolean {
  if (!mountedAt) return false
  const at = normalizePath(mountedAt)
  return below(prefixes, at) === null && prefixes.every((prefix) => below([at], prefix) === null)
}

/** Without the root, although a proxy may strip the whole path: other paths there belong to the rest of the app. */
function prefixesOf({ basePath, url }: JobsOverHttp): string[] {
  const seen = url !== undefined && URL.canParse(url) ? new URL(url).pathname : basePath
  return [basePath, seen]
}

/**
 * A handler for your own route that responds with a complete 202. `toJob` returns the job that a request asks for. Its errors go to
 * `next()`.
 */
export function expressAccept<Req extends ExpressRequest = ExpressRequest, Name extends string = string>(
  jobs: AcceptingJobs<Name>,
  toJob: (req: Req) => OwnJob<NoInfer<Name>> | Promise<OwnJob<NoInfer<Name>>>,
  options: AdapterOptions<Req> = {},
): Handler<Req> {
  return (req, res, next) => {
    const respond = (job: OwnJob<Name>) => {
      req.url = req.originalUrl ?? req.url
      nodeAcceptor(jobs, job, req, options.identify)(Object.assign(req, withoutBody), res)
    }
    try {
      const job = toJob(req)
      if (isThenable(job)) Promise.resolve(job).then(respond).catch(next)
      else respond(job)
    } catch (error) {
      next(error)
    }
  }
}
