import type { IncomingMessage, ServerResponse } from 'node:http'
import { defaultLog, type Log } from '../../base/log.ts'
import { describe } from '../../base/thrown.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { problem, toUketsukeError } from '../problem.ts'
import { isGone } from './node-http-response.ts'

type Exchange = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/**
 * Runs one exchange over Node. What fails here has not begun to answer, or cannot go on: it is logged, and the client learns as much as
 * can still be said. Middleware around it may be what fails.
 */
export function nodeHandler(answer: Exchange, log?: Log): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    mustBeNode(req, res)
    // What is not a host must not become a part of the path.
    if (!/^[\w.:[\]-]*$/.test(req.headers.host ?? '')) {
      res.statusCode = 400
      return void res.end()
    }
    answer(req, res).catch((error: unknown) => fail(error, req, res, log ?? fallback()))
  }
}

function fail(error: unknown, req: IncomingMessage, res: ServerResponse, log: Log): void {
  const where = `${req.method} ${req.url?.split('?', 1)[0]}`
  // The client left while a body was written to it.
  if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_STREAM_PREMATURE_CLOSE') return
  const told = toUketsukeError(error, log, where)
  if (res.headersSent || isGone(res)) return void res.destroy()
  try {
    const { status, headers, body } = problem(told)
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    res.statusCode = status
    for (const name in headers) res.setHeader(name, headers[name] as string)
    res.end(body)
  } catch (thrown) {
    log.error({ err: describe(thrown), where }, 'an error could not be answered; the connection is cut')
    res.destroy()
  }
}

let made: Log | null = null
/** For a handler that came without a logger of its own. */
function fallback(): Log {
  made ??= defaultLog()
  return made
}

/** @throws `invalid-configuration`: frameworks have requests of their own, which wrap Node's */
function mustBeNode(req: Partial<IncomingMessage> | undefined, res: Partial<ServerResponse> | undefined): void {
  const fine =
    typeof req?.url === 'string' &&
    typeof req.on === 'function' &&
    typeof req.headers === 'object' &&
    typeof req.headers.get !== 'function' &&
    typeof res?.setHeader === 'function' &&
    typeof res.end === 'function'
  if (fine) return
  throw new UketsukeError(
    'invalid-configuration',
    'This handler takes the request and response of node:http: on Fastify pass request.raw and reply.raw, on Koa ctx.req and ctx.res; ' +
      'where there is a web-standard Request, call jobs.fetch(request).',
  )
}
