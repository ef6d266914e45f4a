import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import express from 'express'
import session from 'express-session'
import express4 from 'express4'
import fastify from 'fastify'
import Koa from 'koa'
import bodyParser from 'koa-bodyparser'
import morgan from 'morgan'
import responseTime from 'response-time'
import { afterEach, describe, expect, it } from 'vitest'
import { expressAccept, expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, type Log, sqlite } from '../../packages/uketsuke/src/index.ts'
import { Events } from './raw.ts'
import { body, type Listen, type Serving, serve } from './server.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function served(listen: Listen): Promise<Serving> {
  const api = await serve({ listen })
  closing.push(api.close)
  return api
}

/** Exercises every kind of response, from the 202 of a job to the end of its stream. */
async function allResponses(api: Serving): Promise<void> {
  const created = await api.post('', { type: 'held', input: {} })
  expect([created.status, created.headers.get('content-type')]).toEqual([202, 'application/json'])
  expect(created.headers.get('location')).toMatch(/^\/api\/jobs\/\w{26}$/)
  const { jobId } = await body(created)
  const events = new Events(await api.call(`/${jobId}/stream`))
  expect(await events.event()).toMatchObject({ type: 'job.snapshot' })
  expect((await api.call(`/${jobId}`, { headers: { 'if-none-match': 'W/"1"' } })).status).toBe(304)
  expect((await api.call(`/${jobId}`, { method: 'HEAD' })).headers.get('etag')).toBe('W/"1"')
  expect((await api.call('/nothing')).headers.get('content-type')).toBe('application/problem+json')
  expect((await api.post(`/${jobId}/cancel`, '')).status).toBe(200)
  expect(await events.event()).toMatchObject({ type: 'job.cancelled' })
  expect(await events.event()).toBe(null)
  expect((await api.call(`/${jobId}`, { method: 'DELETE' })).status).toBe(204)
}

const written: string[] = []
const wrappers: Record<string, express.RequestHandler> = {
  'morgan 1.10': morgan('tiny', { stream: { write: (line: string) => void written.push(line) } }),
  'compression 1.7': compression({ threshold: 0 }),
  'express-session 1.18': session({ secret: 'for tests alone', resave: true, saveUninitialized: true }),
  'response-time 2.3': responseTime() as express.RequestHandler,
  'a writeHead that adds a header field': (_req, res, next) => {
    const { writeHead } = res
    res.writeHead = ((...args: unknown[]) => {
      res.setHeader('x-seen', String(res.getHeader('content-type')))
      return Reflect.apply(writeHead, res, args)
    }) as typeof writeHead
    next()
  },
  'a setHeader that changes names': (_req, res, next) => {
    const { setHeader } = res
    res.setHeader = (name, value) => setHeader.call(res, name.toLowerCase(), value)
    next()
  },
  'a write that returns nothing': (_req, res, next) => {
    const { write } = res
    res.write = ((...args: unknown[]) => void Reflect.apply(write, res, args)) as unknown as typeof write
    next()
  },
  'write and end that count bytes': (_req, res, next) => {
    const { write, end } = res
    let bytes = 0
    const counted = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) bytes += Buffer.byteLength(chunk)
    }
    res.write = ((...args: unknown[]) => {
      counted(args[0])
      return Reflect.apply(write, res, args)
    }) as typeof write
    res.end = ((...args: unknown[]) => {
      counted(args[0])
      return Reflect.apply(end, res, args)
    }) as typeof end
    res.on('finish', () => void written.push(`${bytes} bytes`))
    next()
  },
}

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('on %s', (_, make) => {
  it.each(Object.keys(wrappers))('responses survive %s', async (name) => {
    const api = await served((jobs) => make().use(wrappers[name]!).use(expressJobs(jobs)))
    await allResponses(api)
    expect(api.lines.filter(({ message }) => message.includes('failed'))).toEqual([])
  })

  it('responses survive all of them together', async () => {
    const api = await served((jobs) =>
      make()
        .use(...Object.values(wrappers))
        .use(expressJobs(jobs)),
    )
    await allResponses(api)
  })

  it('an error thrown by a wrapper is logged, and the client gets a 500', async () => {
    const api = await served((jobs) =>
      make()
        .use((_req: unknown, res: { setHeader: unknown }, next: () => void) => {
          const setHeader = res.setHeader as (name: string, value: string) => unknown
          res.setHeader = (name: string, value: string) => {
            if (name === 'ETag') throw new Error('thrown by middleware')
            return setHeader.call(res, name, value)
          }
          next()
        })
        .use(expressJobs(jobs)),
    )
    const response = await api.post('', { type: 'held', input: {} })
    expect([response.status, (await body(response)).type]).toEqual([500, 'urn:uketsuke:problem:internal-error'])
    expect(api.lines.map(({ fields }) => (fields as { err: Error }).err.message)).toEqual(['thrown by middleware'])
  })

  it.each(['application/json', 'application/vnd.x+json', 'application/json; charset=utf-8'])(
    'a body of %s is read whether a parser took it or left it',
    async (type) => {
      const api = await served((jobs) => make().use(make.json()).use(expressJobs(jobs)))
      const response = await api.post(
        '',
        { type: 'report', input: { pages: 3 } },
        { headers: { 'content-type': type } },
      )
      expect([response.status, (await body(response)).type]).toEqual([202, 'report'])
    },
  )

  it('reads a body that a text or raw parser consumed', async () => {
    for (const parse of [make.text({ type: '*/*' }), make.raw({ type: '*/*' })]) {
      const api = await served((jobs) => make().use(parse).use(expressJobs(jobs)))
      expect((await api.post('', { type: 'report', input: { pages: 3 } })).status).toBe(202)
    }
  })
})

it('a heartbeat whose write throws ends only that stream', async () => {
  const api = await served((jobs) =>
    express()
      .use((req, res, next) => {
        const { write } = res
        const broken = req.query.broken === '1'
        res.write = ((...args: unknown[]) => {
          if (broken && String(args[0]).startsWith(':')) throw new Error('thrown by middleware')
          return Reflect.apply(write, res, args)
        }) as typeof write
        req.url = req.originalUrl = req.originalUrl.replace(/\?broken=1$/, '')
        next()
      })
      .use(expressJobs(jobs)),
  )
  const { jobId } = await api.create()
  const [broken, fine] = [
    new Events(await api.call(`/${jobId}/stream?broken=1`)),
    new Events(await api.call(`/${jobId}/stream`)),
  ]
  await broken.event()
  await fine.event()
  await api.clock.advance(15_000)
  await expect(broken.rest()).rejects.toThrow()
  expect(await fine.block()).toEqual({ comment: true })
  await api.clock.advance(15_000)
  expect(await fine.block()).toEqual({ comment: true })
  await fine.leave()
})

const job = { type: 'report', input: { pages: 3 } }
const taken = 'The request body was consumed before the request reached the jobs API'

describe('a request body that was already consumed', () => {
  const frameworks: Record<string, Listen> = {
    'koa-bodyparser': (jobs) => {
      const handle = nodeListener(jobs)
      const app = new Koa().use(bodyParser()).use((ctx) => {
        ctx.respond = false
        handle(ctx.req, ctx.res)
      })
      return app.callback()
    },
    'Fastify’s parser': async (jobs) => {
      const handle = nodeListener(jobs)
      let serveRequest!: RequestListener
      const app = fastify({
        serverFactory: (listener) => {
          serveRequest = listener as RequestListener
          return createServer(listener as RequestListener)
        },
      })
      app.all('/*', (request, reply) => {
        reply.hijack()
        handle(request.raw, reply.raw)
      })
      await app.ready()
      return serveRequest
    },
    'authenticate, by text()': (jobs) => nodeListener(jobs),
  }

  it.each(Object.keys(frameworks))('%s: the response explains the problem and the fix', async (name) => {
    const api = await served(frameworks[name]!)
    const headers: Record<string, string> = name.startsWith('authenticate') ? { authorization: 'Bearer eats' } : {}
    const response = await api.post('', job, { headers })
    expect([response.status, (await body(response)).detail]).toEqual([500, expect.stringContaining(taken)])
    expect(api.lines.map(({ message }) => message)).toEqual([expect.stringContaining(taken)])
    // Requests without a body still work.
    expect((await api.call('')).status).toBe(200)
  })

  it.each(['koa-bodyparser', 'Fastify’s parser'])('%s: uses the parsed body on the request', async (name) => {
    const api = await served((jobs) => {
      const handle = nodeListener(jobs)
      if (name.startsWith('koa')) {
        return new Koa()
          .use(bodyParser())
          .use((ctx) => {
            ctx.respond = false
            handle(Object.assign(ctx.req, { body: ctx.request.body }), ctx.res)
          })
          .callback()
      }
      const app = fastify({ serverFactory: (listener) => createServer(listener as RequestListener) })
      app.all('/*', (request, reply) => {
        reply.hijack()
        handle(Object.assign(request.raw, { body: request.body }), reply.raw)
      })
      return Promise.resolve(app.ready()).then((): RequestListener => (req, res) => app.routing(req, res))
    })
    const response = await api.post('', job)
    expect([response.status, (await body(response)).type]).toEqual([202, 'report'])
  })

  it('a web Request with a used body gets the same error', async () => {
    const api = await served((jobs) => nodeListener(jobs))
    const request = new Request('http://x/api/jobs', {
      method: 'POST',
      body: JSON.stringify(job),
      headers: { authorization: 'Bearer alice', 'content-type': 'application/json' },
    })
    await request.text()
    const response = await api.jobs.fetch(request)
    expect([response.status, (await body(response)).detail]).toEqual([500, expect.stringContaining(taken)])
  })
})

describe('arguments that are not node:http requests', () => {
  const strange = [undefined, null, {}, new Request('http://x/api/jobs'), { url: '/api/jobs', headers: {} }]

  it.each(strange.map((one, i) => [i, one]))('are rejected with a clear message: %i', async (_, request) => {
    const api = await served((jobs) => nodeListener(jobs))
    // expressJobs passes unknown requests to next().
    const handlers =
      request instanceof Request ? [nodeListener(api.jobs)] : [nodeListener(api.jobs), expressJobs(api.jobs)]
    for (const handle of handlers) {
      expect(() => (handle as (...args: unknown[]) => void)(request, {}, () => {})).toThrow(
        /request and response of node:http/,
      )
    }
    if (request instanceof Request) return
    await expect(api.jobs.fetch(request as Request)).rejects.toThrow(/require a web-standard Request/)
  })
})

describe('without authenticate', () => {
  it.each(['node', 'express', 'accept', 'fetch'])(
    'the response and the log name the missing option: %s',
    async (way) => {
      const lines: string[] = []
      const note = (_: object, message: string) => void lines.push(message)
      const log: Log = { info() {}, warn: note, error: note, child: () => log }
      const jobs = createJobs({ jobs: {}, store: sqlite(':memory:'), log })
      closing.push(() => jobs.close())
      const toJob = () => ({ type: 'x' as never, input: {} })
      const handlers: Record<string, RequestListener> = {
        node: nodeListener(jobs),
        express: express().use(expressJobs(jobs)),
        accept: express().use(expressAccept(jobs, toJob)),
      }
      const answer = async () => {
        const url = '/api/jobs'
        if (way === 'fetch') return jobs.fetch(new Request(`http://x${url}`))
        const server = createServer(handlers[way])
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        closing.push(() => new Promise((resolve) => server.close(resolve)))
        return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${url}`, {
          headers: { connection: 'close' },
        })
      }
      const response = await answer()
      expect([response.status, (await body(response)).detail]).toEqual([500, expect.stringContaining('authenticate')])
      expect(lines).toEqual([expect.stringContaining('authenticate')])
    },
  )
})
