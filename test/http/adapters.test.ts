/** What every adapter must do, over a real socket, with an app of its framework around it. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import express4 from 'express4'
import fastify, { type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type ExpressRequest, expressAccept, expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { fastifyAccept, fastifyJobs } from '../../packages/uketsuke/src/http/adapters/fastify.ts'
import { honoAccept, honoJobs } from '../../packages/uketsuke/src/http/adapters/hono.ts'
import { nextAccept, nextJobs } from '../../packages/uketsuke/src/http/adapters/next.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { atEnd, gate } from '../jobs/setup.ts'
import { startNginx } from '../servers/nginx.ts'
import { until } from '../until.ts'
import { Events } from './raw.ts'

/** What a `held` job waits for. Each test has its own. */
let held = gate()
const hold = ({ progress }: { progress(percent: number): void }) => {
  progress(50)
  return held.passed
}
const types = {
  quick: job({ input: z.object({ n: z.int() }), run: ({ input }) => ({ n: input.n }) }),
  held: job({ input: z.object({}), run: hold }),
}
const make = (basePath: string) =>
  createJobs({
    jobs: types,
    store: sqlite(':memory:'),
    log: silentLog,
    basePath,
    quotas: { streamsPerOwner: 2 },
  })
type Jobs = ReturnType<typeof make>

/** What a caller says of itself, which the app's own middleware has looked up. */
const ownerOf = ({ 'x-user': user }: Record<string, unknown>) => typeof user === 'string' && { owner: user }

interface App {
  /** Serves the API and the route `POST /reports`. With `parsed`, other code reads every body first. */
  listen(jobs: Jobs, parsed: boolean): Promise<RequestListener> | RequestListener
  /** Whether the framework has routes of its own. */
  routes: boolean
  /** Whether the framework answers what is outside the base path. */
  home?: string
}

const onExpress =
  (make: typeof express): App['listen'] =>
  (jobs, parsed) => {
    const identify = (req: ExpressRequest) => ownerOf(req.headers)
    const app = make()
    if (parsed) app.use(make.json(), make.text())
    app.use(expressJobs(jobs, { identify }))
    const report = expressAccept(jobs, (req) => ({ type: 'quick', input: req.body }), { identify })
    app.post('/reports', make.json(), report as express.RequestHandler)
    app.get('/', (_, res) => void res.send('home'))
    return app as unknown as RequestListener
  }

const apps: Record<string, App> = {
  'node:http': { listen: (jobs) => nodeListener(jobs, { identify: (req) => ownerOf(req.headers) }), routes: false },
  'Express 5': { listen: onExpress(express), routes: true, home: 'home' },
  'Express 4': { listen: onExpress(express4 as unknown as typeof express), routes: true, home: 'home' },
  Fastify: {
    async listen(jobs, parsed) {
      const identify = (request: FastifyRequest) => ownerOf(request.headers)
      const app = fastify()
      if (parsed) app.addHook('preHandler', async (request) => void JSON.stringify(request.body))
      await app.register(fastifyJobs(jobs, { identify }))
      app.post(
        '/reports',
        fastifyAccept(jobs, ({ body }) => ({ type: 'quick', input: body }), { identify }),
      )
      app.get('/', () => 'home')
      await app.ready()
      atEnd(() => app.close())
      return app.routing
    },
    routes: true,
    home: 'home',
  },
  Hono: {
    listen(jobs, parsed) {
      const identify = (c: Context) => ownerOf(c.req.header())
      const app = new Hono()
      if (parsed) {
        app.use(async (c, next) => {
          if (c.req.method === 'POST') await c.req.text()
          await next()
        })
      }
      app.all(`${jobs.basePath}/*`, honoJobs(jobs, { identify }))
      app.post(
        '/reports',
        honoAccept(jobs, async (c) => ({ type: 'quick', input: await c.req.json() }), { identify }),
      )
      app.get('/', (c) => c.text('home'))
      return getRequestListener(app.fetch)
    },
    routes: true,
    home: 'home',
  },
  'Next.js': {
    listen(jobs) {
      const identify = (request: Request) => ownerOf(Object.fromEntries(request.headers))
      const handlers = nextJobs(jobs, { identify })
      const report = nextAccept(jobs, async (request) => ({ type: 'quick', input: await request.json() }), { identify })
      // Next.js itself is in `examples/next`.
      return getRequestListener((request) => {
        if (new URL(request.url).pathname === '/reports') return report(request)
        const handler = handlers[request.method as 'GET']
        return handler ? handler(request) : new Response(null, { status: 405 })
      })
    },
    routes: true,
  },
}

async function served(name: string, { basePath = '/api/jobs', parsed = false } = {}) {
  held = gate()
  const jobs = make(basePath)
  const server = createServer(await apps[name]!.listen(jobs, parsed)).listen(0, '127.0.0.1')
  atEnd(async () => {
    held.open()
    await jobs.close()
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const call = (path: string, init: RequestInit = {}) =>
    fetch(at + path, { ...init, headers: { 'x-user': 'ann', ...init.headers } })
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const create = async (type = 'quick', input: object = { n: 1 }) =>
    (await (await post(basePath, { type, input })).json()) as { jobId: string; statusUrl: string; streamUrl: string }
  return { jobs, at, call, post, create }
}

describe.each(Object.keys(apps))('the adapter for %s', (name) => {
  it('serves the whole life of a job', async () => {
    const { call, post, create, jobs } = await served(name)
    const created = await post('/api/jobs', { type: 'quick', input: { n: 7 } }, { prefer: 'wait=0' })
    const { statusUrl, jobId } = (await created.json()) as Record<string, string>
    expect([created.status, created.headers.get('location')]).toEqual([202, statusUrl])
    await jobs.work()
    const ended = await call(statusUrl!, { headers: { prefer: 'wait=20' } })
    expect(await ended.json()).toMatchObject({ jobId, status: 'completed', output: { n: 7 } })
    const known = { headers: { 'if-none-match': ended.headers.get('etag') ?? '' } }
    expect((await call(statusUrl!, known)).status).toBe(304)
    expect((await call(statusUrl!, { method: 'HEAD' })).status).toBe(name === 'Next.js' ? 405 : 200)
    const { items } = (await (await call('/api/jobs?limit=1')).json()) as { items: object[] }
    expect(items).toHaveLength(1)
    expect((await call(statusUrl!, { method: 'DELETE' })).status).toBe(204)
    const { jobId: other } = await create()
    expect((await post(`/api/jobs/${other}/cancel`, '')).status).toBe(200)
  })

  it('identifies the caller from the framework’s own request', async () => {
    const { at, call, create } = await served(name)
    const { statusUrl } = await create()
    expect((await call(statusUrl, { headers: { 'x-user': 'bob' } })).status).toBe(404)
    // Without authenticate, nobody else can say who calls.
    expect((await fetch(at + statusUrl)).status).toBe(401)
  })

  it('serves the API at any base path', async () => {
    const { call, create } = await served(name, { basePath: '/v1/work' })
    const { statusUrl, jobId } = await create()
    expect(statusUrl).toBe(`/v1/work/${jobId}`)
    expect((await call(statusUrl)).status).toBe(200)
    expect((await call('/v1/work/openapi.json')).status).toBe(200)
    expect((await call('/api/jobs')).status).toBe(404)
  })

  it.each([false, true])(
    'reads bodies, and answers bad ones with its own problems (parsed before: %s)',
    async (parsed) => {
      const { post, call, create } = await served(name, { parsed })
      const input = { n: 3 }
      const good = await post('/api/jobs', { type: 'quick', input })
      const { statusUrl } = (await good.json()) as { statusUrl: string }
      expect(await (await call(`${statusUrl}?include=input`)).json()).toMatchObject({ input })
      const code = async (answer: Promise<Response>) => {
        const { status, headers, ...response } = await answer.then(async (one) => ({
          status: one.status,
          headers: one.headers,
          body: await one.text(),
        }))
        const isProblem = headers.get('content-type')?.startsWith('application/problem+json')
        return [status, isProblem ? JSON.parse(response.body).type.split(':').at(-1) : 'not a problem']
      }
      const fromParser = parsed && name.startsWith('Express')
      if (!fromParser) expect(await code(post('/api/jobs', '{"type":'))).toEqual([400, 'invalid-json'])
      expect(await code(post('/api/jobs', { type: 'quick', input: {} }))).toEqual([422, 'validation-error'])
      expect(await code(post('/api/jobs', 'x', { 'content-type': 'text/plain' }))).toEqual([
        415,
        'unsupported-media-type',
      ])
      if (!fromParser) {
        const large = { type: 'quick', input: { n: 'x'.repeat(1 << 20) } }
        expect(await code(post('/api/jobs', large))).toEqual([413, 'payload-too-large'])
      }
      expect(await code(call('/api/jobs/nothing/here'))).toEqual([404, 'not-found'])
      expect((await call((await create()).statusUrl)).status).toBe(200)
    },
  )

  it('streams each event at once, and notices that the client leaves', async () => {
    const { jobs, call, create } = await served(name)
    const { streamUrl } = await create('held', {})
    const streams = await Promise.all([call(streamUrl), call(streamUrl)].map(async (one) => new Events(await one)))
    for (const events of streams) expect((await events.event())?.data).toMatchObject({ status: 'pending' })
    expect((await call(streamUrl)).status).toBe(429)
    const worker = await jobs.work()
    // The job is still running when these arrive.
    for (const events of streams) {
      const progress = async (): Promise<unknown> => {
        const { data } = (await events.event()) ?? expect.fail('the stream ended')
        return data.progress === 50 ? data.status : progress()
      }
      expect(await progress()).toBe('running')
    }
    await streams[0]!.leave()
    await until(async () => (await call(streamUrl).then((one) => one.body?.cancel().then(() => one.status))) === 200)
    held.open()
    expect((await streams[1]!.rest()).at(-1)?.data).toContain('job.completed')
    await worker.stop()
  })

  it('streams through nginx with buffering and gzip', async () => {
    const { at, create } = await served(name)
    const nginx = await startNginx(`location / { proxy_pass ${at}; proxy_buffering on; gzip on; gzip_types *; }`)
    try {
      const { jobId, streamUrl } = await create('held', {})
      const headers = { 'x-user': 'ann', 'accept-encoding': 'gzip' }
      for (const path of [streamUrl, `/api/jobs/events?jobs=${jobId}`]) {
        const events = new Events(await fetch(nginx.origin + path, { headers }))
        expect((await events.event())?.data).toMatchObject({ status: 'pending' })
        await events.leave()
      }
    } finally {
      await nginx.stop()
    }
  })

  it('accepts a job on a route of your own, and leaves other routes alone', async () => {
    const { call, post } = await served(name)
    const { routes, home } = apps[name]!
    if (!routes) return expect((await call('/')).status).toBe(404)
    const accepted = await post('/reports', { n: 5 }, { 'idempotency-key': 'one' })
    const { statusUrl } = (await accepted.json()) as { statusUrl: string }
    expect([accepted.status, accepted.headers.get('location')]).toEqual([202, statusUrl])
    expect((await post('/reports', { n: 5 }, { 'idempotency-key': 'one' })).headers.get('idempotent-replayed')).toBe(
      'true',
    )
    expect(await (await post('/reports', { n: 'x' })).json()).toMatchObject({ errors: [{ pointer: '/n' }] })
    if (home) expect(await (await call('/')).text()).toBe(home)
  })
})

describe('fastifyJobs', () => {
  it('keeps the header fields that hooks have set, and works below a prefix', async () => {
    const jobs = make('/v1/api/jobs')
    const app = fastify()
    app.addHook('onRequest', async (_, reply) => void reply.header('x-hook', 'kept'))
    await app.register(fastifyJobs(jobs, { identify: () => ({ owner: 'ann' }) }), { prefix: '/v1' })
    const other = make('/work')
    await app.register(fastifyJobs(other, { identify: () => ({ owner: 'ann' }) }), { prefix: '/work' })
    const at = await app.listen({ port: 0, host: '127.0.0.1' })
    atEnd(async () => {
      await Promise.all([jobs.close(), other.close()])
      await app.close()
    })
    const listed = await fetch(`${at}/v1/api/jobs`)
    expect([listed.status, listed.headers.get('x-hook')]).toEqual([200, 'kept'])
    expect((await fetch(`${at}/work`)).status).toBe(200)
    expect((await fetch(`${at}/work/openapi.json`)).status).toBe(200)
  })

  it('fails at start when the prefix does not fit basePath', async () => {
    const jobs = make('/api/jobs')
    atEnd(() => jobs.close())
    const app = fastify()
    app.register(fastifyJobs(jobs), { prefix: '/v1' })
    await expect(app.ready()).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('/v1 is not the start of basePath'),
    })
  })
})

describe('identify', () => {
  it('is refused with a wrapped jobs.fetch, which could not carry it', async () => {
    const jobs = make('/api/jobs')
    atEnd(() => jobs.close())
    const wrapped = { ...jobs, fetch: (request: Request) => jobs.fetch(request) }
    const request = new Request('http://localhost/api/jobs')
    await expect(nextJobs(wrapped, { identify: () => ({ owner: 'ann' }) }).GET(request)).rejects.toMatchObject({
      code: 'invalid-configuration',
    })
    expect((await nextJobs(wrapped).GET(request)).status).toBe(500)
  })
})
