import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { job } from '../../packages/uketsuke/src/definition/define.ts'
import { expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import {
  allOwners,
  createJobs,
  type JobsOptions,
  type Log,
  silentLog,
  sqlite,
} from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { startNginx } from '../servers/nginx.ts'
import { until } from '../until.ts'
import { Events } from './raw.ts'

const undo: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one()
})

const types = { quick: job({ input: z.object({}).loose(), run: () => ({ done: true }) }) }
type Options = Partial<JobsOptions<typeof types>>

function made(options: Options) {
  const jobs = createJobs({
    jobs: types,
    store: sqlite(':memory:'),
    log: silentLog,
    authenticate: () => ({ owner: 'ann' }),
    ...options,
  })
  undo.push(() => jobs.close())
  return jobs
}

type Made = ReturnType<typeof made>

async function listening(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  undo.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Reserves a port, because `publicUrl` must be known before the server starts. */
async function origin(listener: (origin: string) => RequestListener | Promise<RequestListener>): Promise<string> {
  let answer: RequestListener = () => {}
  const at = await listening((req, res) => answer(req, res))
  answer = await listener(at)
  return at
}

/** For each mount: the origin and the path at which clients see the jobs API. */
const mounts: Record<string, () => Promise<{ jobs: Made; at: string; path: string }>> = {
  async 'node:http, as it comes'() {
    const jobs = made({})
    return { jobs, at: await listening(nodeListener(jobs)), path: '/api/jobs' }
  },
  async 'node:http at its root'() {
    const jobs = made({ basePath: '/' })
    return { jobs, at: await listening(nodeListener(jobs)), path: '' }
  },
  'Hono, app.mount': () => onHono('/api/jobs', (jobs) => new Hono().mount('/api/jobs', jobs.fetch)),
  'Hono, app.mount at another path': () => onHono('/v1/work', (jobs) => new Hono().mount('/v1/work', jobs.fetch)),
  'Hono, app.all': () =>
    onHono('/api/jobs', (jobs) =>
      new Hono().all('/api/jobs', (c) => jobs.fetch(c.req.raw)).all('/api/jobs/*', (c) => jobs.fetch(c.req.raw)),
    ),
  'Express, by basePath': () => onExpress({ basePath: '/x' }, '/x', (jobs) => express().use('/x', expressJobs(jobs))),
  'Express, basePath with a slash at its end': () =>
    onExpress({ basePath: '/x/' }, '/x', (jobs) => express().use('/x', expressJobs(jobs))),
  'Express, by publicUrl': () => onExpress('/x', '/x', (jobs) => express().use('/x', expressJobs(jobs))),
  'Express, a router within a router': () =>
    onExpress('/a/b', '/a/b', (jobs) => {
      const [inner, outer] = [express.Router(), express.Router()]
      return express().use('/a', outer.use('/b', inner.use(expressJobs(jobs))))
    }),
  'Express, at the root of a router': () =>
    onExpress({ basePath: '/' }, '/x', (jobs) => express().use('/x', expressJobs(jobs)), 'publicly'),
  'Express, before body parsers of others': () =>
    onExpress('/x', '/x', (jobs) => express().use(express.json(), express.text()).use('/x', expressJobs(jobs))),
  'Express, nodeListener at a path': () =>
    onExpress({}, '/api/jobs', (jobs) => express().use('/api/jobs', nodeListener(jobs) as express.RequestHandler)),
  'Fastify, with its own body parser': async () => {
    const jobs = made({})
    const listener = nodeListener(jobs)
    const app = fastify()
    const handler = (req: fastify.FastifyRequest, reply: fastify.FastifyReply) => {
      reply.hijack()
      listener(Object.assign(req.raw, { body: req.body }), reply.raw)
    }
    app.all('/api/jobs', handler).all('/api/jobs/*', handler)
    undo.push(() => app.close())
    return { jobs, at: await app.listen({ port: 0, host: '127.0.0.1' }), path: '/api/jobs' }
  },
  'nginx that cuts a prefix': () => onNginx('/app/api/jobs', '/app/', '/'),
  'nginx that cuts the whole path': () => onNginx('/jobs', '/jobs/', '/'),
  'nginx that cuts nothing': () => onNginx('/api/jobs', '/', ''),
  'nginx that puts one path for another': () => onNginx('/tasks', '/tasks', '/api/jobs'),
}

async function onHono(path: string, app: (jobs: Made) => Hono) {
  let jobs!: Made
  const at = await origin((at) => {
    jobs = made({ publicUrl: `${at}${path}` })
    return getRequestListener(app(jobs).fetch)
  })
  return { jobs, at, path }
}

async function onExpress(given: Options | string, path: string, app: (jobs: Made) => express.Express, publicly = '') {
  let jobs!: Made
  const at = await origin((at) => {
    const publicUrl = typeof given === 'string' || publicly ? { publicUrl: `${at}${path}` } : {}
    jobs = made({ ...(typeof given === 'string' ? {} : given), ...publicUrl })
    return app(jobs)
  })
  return { jobs, at, path }
}

async function onNginx(path: string, location: string, passed: string) {
  let answer: RequestListener = (_, res) => void res.writeHead(503).end()
  const behind = await listening((req, res) => answer(req, res))
  // An nginx location with a trailing slash does not match its own path without the slash.
  const root =
    location.length > 1 && location.endsWith('/')
      ? `location = ${location.slice(0, -1)} { proxy_pass ${behind}${passed}; }`
      : ''
  const nginx = await startNginx(`${root} location ${location} { proxy_pass ${behind}${passed}; }`)
  undo.push(() => nginx.stop())
  const jobs = made({ publicUrl: `${nginx.origin}${path}` })
  answer = nodeListener(jobs)
  return { jobs, at: nginx.origin, path }
}

function warnings() {
  const lines: string[] = []
  const log: Log = { ...silentLog, warn: (_, message) => void lines.push(message), child: () => log }
  return { log, lines }
}

const json = { 'content-type': 'application/json' }

describe.each(Object.keys(mounts))('%s', (name) => {
  it('returns URLs that work', async () => {
    const { jobs, at, path } = await mounts[name]!()
    const get = async (url: string, init: RequestInit = {}) => {
      const response = await fetch(new URL(url, at), init)
      if (!response.ok) expect.fail(`${url}: ${response.status} ${await response.text()}`)
      return response
    }
    const post = (url: string, headers: Record<string, string> = {}) =>
      get(url, { method: 'POST', headers: { ...json, ...headers }, body: '{"type":"quick","input":{}}' })
    const root = path || '/'

    const created = await post(root)
    const one = (await created.json()) as Record<'jobId' | 'statusUrl' | 'streamUrl' | 'cancelUrl', string>
    expect(new URL(one.statusUrl, at).href).toBe(`${at}${path}/${one.jobId}`)
    expect(created.headers.get('location')).toBe(one.statusUrl)
    expect(await (await get(one.statusUrl)).json()).toMatchObject({ jobId: one.jobId, statusUrl: one.statusUrl })

    const events = new Events(await get(one.streamUrl))
    expect((await events.event())?.data).toMatchObject({ statusUrl: one.statusUrl, streamUrl: one.streamUrl })
    await events.leave()
    const ticket = (await (await get(`${one.statusUrl}/stream-ticket`, { method: 'POST' })).json()) as {
      streamUrl: string
    }
    expect(ticket.streamUrl).toMatch(one.streamUrl)
    await (await get(ticket.streamUrl)).body?.cancel()

    await post(root)
    const page = await get(`${root}?limit=1`)
    const [, next = ''] = /^<(.*)>; rel="next"$/.exec(page.headers.get('link') ?? '') ?? []
    expect(await (await get(next)).json()).toMatchObject({ items: [{ jobId: one.jobId, statusUrl: one.statusUrl }] })

    const document = (await (await get(`${path}/openapi.json`)).json()) as { servers: { url: string }[] }
    expect(new URL(`${document.servers[0]!.url}/${one.jobId}`.replace('//', '/').replace(':/1', '://1'), at).href).toBe(
      `${at}${path}/${one.jobId}`,
    )
    await get(one.cancelUrl, { method: 'POST' })
    const again = await get(`${one.statusUrl}/retry`, { method: 'POST' })
    expect(again.headers.get('location')).toMatch(one.statusUrl.slice(0, -26))
    expect((await jobs.get(one.jobId, { owner: allOwners }))?.statusUrl).toBe(one.statusUrl)
  })
})

describe('intermediaries', () => {
  it('no long-poll outlasts the read timeout of nginx, for any Prefer: wait', async () => {
    const clock = manualClock()
    let answer: RequestListener = (_, res) => void res.end()
    const behind = await listening((req, res) => answer(req, res))
    const nginx = await startNginx(`location / { proxy_pass ${behind}; }`)
    undo.push(() => nginx.stop())
    const jobs = made({ clock })
    answer = nodeListener(jobs)
    const { jobId } = await jobs.enqueue('quick', {}, { owner: 'ann' })
    const asking = Array.from({ length: 40 }, () =>
      fetch(`${nginx.origin}/api/jobs/${jobId}`, { headers: { prefer: 'wait=60' } }),
    )
    // nginx times out after 60 s without data. The test clock stands still, so the test does not wait for it.
    const answering = Promise.all(asking)
    const answers = await Promise.race([answering, until(() => clock.advance(50_000).then(() => false))])
    if (typeof answers === 'boolean') throw new Error('Not every long poll ends after 50 s.')
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(answers[0]?.headers.get('preference-applied')).toBe('wait=50')
  })

  it('works with a CORS middleware that handles OPTIONS and exposes headers', async () => {
    const jobs = made({})
    const exposeHeaders = ['ETag', 'Link', 'Location', 'Preference-Applied', 'Retry-After']
    const page = 'https://app.example.com'
    const app = new Hono()
      .use('/api/jobs/*', cors({ origin: page, credentials: true, exposeHeaders }))
      .all('/api/jobs/*', (c) => jobs.fetch(c.req.raw))
    const at = await listening(getRequestListener(app.fetch))
    const asks = {
      origin: page,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,idempotency-key',
    }
    const allowed = await fetch(`${at}/api/jobs`, { method: 'OPTIONS', headers: asks })
    expect([allowed.status, allowed.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'content-type,idempotency-key',
    ])
    const created = await fetch(`${at}/api/jobs`, {
      method: 'POST',
      headers: { ...json, origin: page },
      body: '{"type":"quick","input":{}}',
    })
    const seen = (response: Response) =>
      ['access-control-allow-origin', 'access-control-expose-headers'].map((name) => response.headers.get(name))
    expect(seen(created)).toEqual([page, exposeHeaders.join(',')])
    const events = await fetch(new URL(`${created.headers.get('location')}/stream`, at), { headers: { origin: page } })
    expect(seen(events)).toEqual(seen(created))
    await events.body?.cancel()
  })
})

describe('publicUrl', () => {
  it('makes URLs in webhooks absolute', async () => {
    let received!: (text: string) => void
    const body = new Promise<string>((resolve) => {
      received = resolve
    })
    const receiver = await listening((req, res) => {
      let text = ''
      req.on('data', (chunk) => {
        text += chunk
      })
      req.on('end', () => {
        res.end()
        received(text)
      })
    })
    const jobs = made({
      publicUrl: 'https://example.com/app/api/jobs/',
      webhooks: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', allowHosts: [new URL(receiver).host] },
    })
    const { jobId, statusUrl } = await jobs.enqueue('quick', {}, { webhookUrl: `${receiver}/hook` })
    await jobs.work()
    const url = `https://example.com/app/api/jobs/${jobId}`
    expect(statusUrl).toBe(url)
    expect(JSON.parse(await body).data).toMatchObject({
      statusUrl: url,
      streamUrl: `${url}/stream`,
      cancelUrl: `${url}/cancel`,
    })
  })

  it.each([
    ['https://example.com', {}, 'https://example.com/api/jobs'],
    ['https://EXAMPLE.com:443/', { basePath: '/jobs' }, 'https://example.com/jobs'],
    ['https://example.com', { basePath: '/' }, 'https://example.com'],
    ['http://[::1]:8080/a%2Db//', {}, 'http://[::1]:8080/a-b'],
    ['https://example.com/jöbs', {}, 'https://example.com/j%C3%B6bs'],
  ])('%s with %o → %s', async (publicUrl, options, expected) => {
    expect((await made({ publicUrl, ...options }).enqueue('quick', {})).statusUrl).toMatch(`${expected}/0`)
  })

  it.each([
    '',
    '/api/jobs',
    'example.com/api/jobs',
    'ftp://example.com',
    'https://user:secret@example.com/',
    'https://example.com/?a=1',
    'https://example.com/#a',
    'https://example.com/?',
    7,
    null,
  ])('rejects %s', (publicUrl) => {
    expect(() => made({ publicUrl: publicUrl as string })).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: expect.stringMatching(/publicUrl/) }),
    )
  })

  it.each(['api', '//host/api', '/a?b', '/a#b', '/\\host', 'https://example.com/api', 7, null])(
    'rejects basePath %s',
    (basePath) => {
      expect(() => made({ basePath: basePath as string })).toThrow(
        expect.objectContaining({ code: 'invalid-configuration', message: expect.stringMatching(/basePath/) }),
      )
    },
  )
})

describe('without publicUrl', () => {
  it('only the base path is served, and a warning about a stripped path is logged once', async () => {
    const { log, lines } = warnings()
    const jobs = made({ log })
    const { jobId } = await jobs.enqueue('quick', {})
    const app = new Hono().mount('/api/jobs', jobs.fetch)
    for (const path of [jobId, `${jobId}/stream`, 'openapi.json', 'other']) {
      expect((await app.request(`/api/jobs/${path}`)).status).toBe(404)
    }
    expect(lines).toEqual([expect.stringMatching(/publicUrl/)])
  })

  it('a POST to the root of a stripping mount logs a warning, and a GET does not', async () => {
    const { log, lines } = warnings()
    const app = new Hono().mount('/api/jobs', made({ log }).fetch)
    expect((await app.request('/api/jobs')).status).toBe(404)
    expect(lines).toEqual([])
    expect((await app.request('/api/jobs', { method: 'POST' })).status).toBe(404)
    expect(lines).toEqual([expect.stringMatching(/publicUrl/)])
  })

  it('expressJobs mounted outside basePath logs a warning once', async () => {
    const { log, lines } = warnings()
    const jobs = made({ log })
    const at = await listening(
      express().use('/jobs', expressJobs(jobs)).use('/api', expressJobs(jobs)).use(expressJobs(jobs)),
    )
    for (const path of ['/', '/api/other', '/api/jobs', '/jobs', '/jobs/1']) await fetch(`${at}${path}`)
    expect(lines).toEqual([expect.stringMatching(/set basePath/)])
  })

  it('other routes of an Express app still work', async () => {
    const jobs = made({ publicUrl: 'https://example.com/app/api/jobs' })
    const at = await listening(
      express()
        .use(expressJobs(jobs))
        .get('/', (_, res) => void res.send('home')),
    )
    expect(await (await fetch(at)).text()).toBe('home')
    expect((await fetch(`${at}/api/jobs`)).status).toBe(200)
    expect((await fetch(`${at}/app/api/jobs`)).status).toBe(200)
  })
})
