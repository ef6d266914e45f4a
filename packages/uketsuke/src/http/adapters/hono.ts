import type { AdapterOptions } from '../identified.ts'
import { bodyTooLarge } from '../request.ts'
import type { AcceptingJobs, OwnJob } from './accept.ts'
import { acceptExchange, fetchExchange } from './fetch-exchange.ts'
import type { JobsOverHttp } from './node-exchange.ts'

/** The part of Hono's context that the adapter uses. Hono itself is not imported. */
export interface HonoContext {
  req: { raw: Request; arrayBuffer(): Promise<ArrayBuffer> }
}

/** A handler for `app.all('/api/jobs/*', honoJobs(jobs))`, with `basePath` as the path. `identify` gets Hono's context. */
export function honoJobs<C extends HonoContext = HonoContext>(
  jobs: Pick<JobsOverHttp, 'fetch'>,
  { identify }: AdapterOptions<C> = {},
): (c: C) => Promise<Response> {
  return (c) => fetchExchange(jobs, exchangeOf(c), identify)
}

/** A handler for your own route that responds with a complete 202. `toJob` returns the job that a request asks for. */
export function honoAccept<C extends HonoContext = HonoContext, Name extends string = string>(
  jobs: AcceptingJobs<Name>,
  toJob: (c: C) => OwnJob<NoInfer<Name>> | Promise<OwnJob<NoInfer<Name>>>,
  { identify }: AdapterOptions<C> = {},
): (c: C) => Promise<Response> {
  return async (c) => acceptExchange(jobs, exchangeOf(c), await toJob(c), identify)
}

/** Hono keeps a body that a validator has read. */
function exchangeOf<C extends HonoContext>(c: C) {
  const read = async (maxBytes: number) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer())
    if (bytes.length > maxBytes) throw bodyTooLarge(maxBytes)
    return bytes
  }
  return { request: c.req.raw, native: c, read: c.req.raw.bodyUsed ? read : undefined }
}
