import type { IncomingMessage, ServerResponse } from 'node:http'
import { assertConfiguration } from '../../base/assert.ts'
import { below, normalizePath } from '../base-path.ts'
import type { AdapterOptions } from '../identified.ts'
import { type AcceptingJobs, nodeAcceptor, type OwnJob, withoutBody } from './accept.ts'
import { type JobsOverHttp, nodeExchange } from './node-exchange.ts'

/** The part of Fastify's request that the adapter uses. Fastify itself is not imported. */
export interface FastifyRequest {
  raw: IncomingMessage
  body?: unknown
}

/** The part of Fastify's reply that the adapter uses. */
export interface FastifyReply {
  raw: ServerResponse
  hijack(): unknown
  getHeaders(): Record<string, number | string | string[] | undefined>
}

interface FastifyApp {
  prefix: string
  // biome-ignore lint/suspicious/noExplicitAny: Fastify's own types depend on the type arguments of the app.
  all(path: string, handler: (request: any, reply: any) => void): unknown
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(
    contentType: string,
    parser: (request: unknown, payload: unknown, done: (error: Error | null) => void) => void,
  ): unknown
}

/**
 * A Fastify plugin that serves the jobs API at `basePath`. Register it without `fastify-plugin`: inside, request bodies are not parsed.
 * A prefix of `register` must be the start of `basePath`.
 */
export function fastifyJobs<Req extends FastifyRequest = FastifyRequest>(
  jobs: JobsOverHttp,
  { identify }: AdapterOptions<Req> = {},
) {
  const exchange = nodeExchange(jobs, identify)
  const handler = (request: Req, reply: FastifyReply) => {
    takeOver(request, reply)
    exchange(request.raw, reply.raw, request)
  }
  return async (app: FastifyApp): Promise<void> => {
    const path = below([normalizePath(app.prefix)], jobs.basePath)
    assertConfiguration(
      path !== null,
      `fastifyJobs(): the prefix ${app.prefix} is not the start of basePath, which is ${jobs.basePath || '/'}`,
    )
    // The jobs API reads bodies itself, with its own limits and problems.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, _payload, done) => done(null))
    app.all(path || '/', handler)
    app.all(`${path}/*`, handler)
  }
}

/**
 * A handler for your own route that responds with a complete 202. `toJob` returns the job that a request asks for. Its errors go to
 * Fastify's error handler.
 */
export function fastifyAccept<Req extends FastifyRequest = FastifyRequest, Name extends string = string>(
  jobs: AcceptingJobs<Name>,
  toJob: (request: Req) => OwnJob<NoInfer<Name>> | Promise<OwnJob<NoInfer<Name>>>,
  { identify }: AdapterOptions<Req> = {},
) {
  return async (request: Req, reply: FastifyReply): Promise<void> => {
    const job = await toJob(request)
    takeOver(request, reply)
    nodeAcceptor(jobs, job, request, identify)(Object.assign(request.raw, withoutBody), reply.raw)
  }
}

/** Fastify does not respond any more. What its hooks have set, such as CORS fields, is kept. */
function takeOver({ raw, body }: FastifyRequest, reply: FastifyReply): void {
  reply.hijack()
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
  if (body !== undefined) Object.assign(raw, { body })
}
