import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AskedByRoute } from './accept.ts'
import { shortcut } from './front.ts'
import { type JobsOverHttp, listen, nodeListener } from './node.ts'
import { exchange } from './node-exchange.ts'
import { NodeIncoming } from './node-incoming.ts'
import { send } from './node-outgoing.ts'

/** The part of Express's request that is used. Express itself is not imported. */
export interface ExpressRequest extends IncomingMessage {
  originalUrl: string
  body?: unknown
  rawBody?: unknown
}

type Next = (error?: unknown) => void
type Handler<Req extends ExpressRequest> = (req: Req, res: ServerResponse, next: Next) => void

/** Middleware that answers what lies below the jobs' base path, wherever it is mounted, and leaves the rest to others. */
export function expressJobs(jobs: JobsOverHttp): Handler<ExpressRequest> {
  const listener = nodeListener(jobs)
  return (req, res, next) => {
    const path = req.originalUrl.split('?', 1)[0] ?? ''
    if (path !== jobs.basePath && !path.startsWith(`${jobs.basePath}/`)) next()
    else whole(req, next, () => listener(req, res))
  }
}

/**
 * A handler for a route of your own that answers with a whole 202: `asked` says which job the request asks for. What it throws goes
 * to `next()`.
 */
export function expressAccept<Req extends ExpressRequest = ExpressRequest>(
  jobs: JobsOverHttp,
  asked: (req: Req) => AskedByRoute | Promise<AskedByRoute>,
): Handler<Req> {
  return (req, res, next) => {
    const answer = (wanted: AskedByRoute) => {
      req.url = req.originalUrl
      // `accept` never reads the body: what `asked` made of it is all there is to know.
      req.rawBody = unread
      acceptor(jobs, wanted)(req, res)
    }
    try {
      const wanted = asked(req)
      if (isLater(wanted)) Promise.resolve(wanted).then(answer).catch(next)
      else answer(wanted)
    } catch (error) {
      next(error)
    }
  }
}

const unread = Buffer.alloc(0)

const isLater = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as Partial<PromiseLike<T>> | undefined)?.then === 'function'

/** Answers one request that asks for a job, on a route of the user's own. */
function acceptor(jobs: Pick<JobsOverHttp, 'accept'>, asked: AskedByRoute) {
  const direct = shortcut(jobs.accept)
  if (direct === undefined) return listen((request) => jobs.accept(request, asked))
  return exchange(async (req, res) => send(await direct.accept(new NodeIncoming(req, res), asked), req, res))
}

/** The request as it came in: a router has cut the URL, `express.json()` has eaten the body. */
function whole(req: ExpressRequest, next: Next, then: () => void): void {
  req.url = req.originalUrl
  try {
    if (req.body !== undefined && !(req.rawBody instanceof Buffer)) {
      // Read in place of the stream.
      req.rawBody = bytes(req.body)
      // The parser has unpacked it.
      delete req.headers['content-encoding']
    }
  } catch (error) {
    // Too deep for JSON.stringify.
    next(error)
    return
  }
  then()
}

function bytes(body: unknown): Buffer {
  if (body instanceof Buffer) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
