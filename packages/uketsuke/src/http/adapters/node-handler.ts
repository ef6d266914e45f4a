import type { IncomingMessage, ServerResponse } from 'node:http'
import { defaultLog, type Log } from '../../base/log.ts'
import { describe } from '../../base/thrown.ts'
import { UketsukeError } from '../../domain/errors.ts'
import { problem, toUketsukeError } from '../problem.ts'
import { isGone } from './node-http-response.ts'

type Exchange<Native> = (req: IncomingMessage, res: ServerResponse, native: Native) => Promise<void>
type Handler<Native> = (req: IncomingMessage, res: ServerResponse, native: Native) => void

/**
 * Runs a request handler on Node.js. Logs its errors, and responds with a problem if the response has not started, otherwise destroys
 * the connection. The error may come from middleware that wraps the response.
 */
export function nodeHandler<Native = void>(handle: Exchange<Native>, log?: Log): Handler<Native> {
  return (req, res, native) => {
    assertNode(req, res)
    // An invalid Host must not become part of the request URL.
    if (!/^[\w.:[\]-]*$/.test(req.headers.host ?? '')) {
      res.statusCode = 400
      return void res.end()
    }
    handle(req, res, native).catch((error: unknown) => fail(error, req, res, log ?? fallbackLog()))
  }
}

function fail(error: unknown, req: IncomingMessage, res: ServerResponse, log: Log): void {
  const where = `${req.method} ${req.url?.split('?', 1)[0]}`
  // The client disconnected during the response.
  if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_STREAM_PREMATURE_CLOSE') return
  const reported = toUketsukeError(error, log, where)
  if (res.headersSent || isGone(res)) return void res.destroy()
  try {
    const { status, headers, body } = problem(reported)
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    res.statusCode = status
    for (const name in headers) res.setHeader(name, headers[name] as string)
    res.end(body)
  } catch (thrown) {
    log.error({ err: describe(thrown), where }, 'failed to send an error response; connection destroyed')
    res.destroy()
  }
}

let made: Log | null = null
/** For handlers without a logger. */
function fallbackLog(): Log {
  made ??= defaultLog()
  return made
}

/** Rejects requests of frameworks, which wrap those of Node.js. @throws `invalid-configuration` */
function assertNode(req: Partial<IncomingMessage> | undefined, res: Partial<ServerResponse> | undefined): void {
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
    'This handler requires the request and response of node:http. With Fastify, pass request.raw and reply.raw; with Koa, ctx.req and ctx.res. ' +
      'For a web-standard Request, call jobs.fetch(request).',
  )
}
