/** Identity from the server's own request, on real sockets. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import express4 from 'express4'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { expressAccept, expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, type JobsOptions, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const types = { noop: job({ input: z.object({}), run: () => 1 }) }
function open(options: Partial<JobsOptions<typeof types>> = {}) {
  const jobs = createJobs({ jobs: types, store: sqlite(':memory:'), log: silentLog, ...options })
  ends.push(() => jobs.close())
  return jobs
}

/** Serves, and returns a function that creates a job and resolves with the status and the owner that the store has. */
async function serving(jobs: ReturnType<typeof open>, listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  ends.push(() => new Promise((resolve) => server.close(resolve)))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return async (headers: Record<string, string>, path = '/api/jobs') => {
    const response = await fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(path === '/api/jobs' ? { type: 'noop', input: {} } : {}),
    })
    const { jobId } = (await response.json()) as { jobId?: string }
    const owners = ['ann', 'bob', 'carl'].map(async (owner) =>
      jobId && (await jobs.get(jobId, { owner })) ? owner : '',
    )
    return [response.status, (await Promise.all(owners)).join('')]
  }
}

interface Known extends IncomingMessage {
  user?: { id: string }
}

/** An authentication middleware of a user. */
const login = (req: Known) => {
  const name = req.headers['x-user']
  if (typeof name === 'string') req.user = { id: name }
}
const identify = (req: Known) => req.user && { owner: req.user.id }

describe('identify', () => {
  it.each([
    ['Express 5', express],
    ['Express 4', express4 as unknown as typeof express],
  ])('takes the caller from the request that middleware has seen, on %s', async (_, make) => {
    const jobs = open()
    const app = make()
    app.use(make.json())
    app.use((req: Known, _res: unknown, next: () => void) => {
      login(req)
      next()
    })
    app.use('/api/jobs', expressJobs(jobs, { identify }))
    app.post(
      '/own',
      expressAccept(jobs, () => ({ type: 'noop', input: {} }), { identify }),
    )
    const post = await serving(jobs, app)
    for (const path of ['/api/jobs', '/own']) {
      expect(await post({ 'x-user': 'ann' }, path)).toEqual([202, 'ann'])
      expect(await post({}, path)).toEqual([401, ''])
    }
  })

  it('may be asynchronous, and everything falsy is nobody', async () => {
    for (const nobody of [null, undefined, false, '', 0] as const) {
      const jobs = open()
      const post = await serving(
        jobs,
        nodeListener(jobs, {
          identify: async (req) => (req.headers['x-user'] ? { owner: String(req.headers['x-user']) } : nobody),
        }),
      )
      expect(await post({ 'x-user': 'bob' })).toEqual([202, 'bob'])
      expect(await post({})).toEqual([401, ''])
    }
  })

  it('is asked before authenticate, which decides what it does not know', async () => {
    const jobs = open({ authenticate: ({ headers }) => (headers.has('x-token') ? { owner: 'carl' } : null) })
    const post = await serving(jobs, (req, res) => {
      login(req)
      nodeListener(jobs, { identify })(req, res)
    })
    expect(await post({ 'x-user': 'ann', 'x-token': '1' })).toEqual([202, 'ann'])
    expect(await post({ 'x-token': '1' })).toEqual([202, 'carl'])
    expect(await post({})).toEqual([401, ''])
  })

  it('keeps API keys working beside it', async () => {
    const jobs = open({ apiKeys: true })
    const { key } = await jobs.apiKeys.create({ owner: 'bob', scopes: ['jobs:create'] })
    const post = await serving(jobs, (req, res) => {
      login(req)
      nodeListener(jobs, { identify })(req, res)
    })
    expect(await post({ authorization: `Bearer ${key}` })).toEqual([202, 'bob'])
    expect(await post({ 'x-user': 'ann' })).toEqual([202, 'ann'])
  })

  it.each([
    ['throws', () => Promise.reject(new Error('secret: of the session store')), 500],
    ['returns an invalid owner', () => ({ owner: '' }), 500],
    ['returns a caller without the scope', () => ({ owner: 'ann', scopes: ['jobs:read'] }), 403],
  ])('fails closed when it %s', async (_, identify, status) => {
    const jobs = open({ authenticate: () => ({ owner: 'carl' }) })
    expect(await (await serving(jobs, nodeListener(jobs, { identify })))({})).toEqual([status, ''])
  })

  it('is refused at start with a wrapped fetch, which cannot carry it', () => {
    const { fetch, log } = open()
    expect(() => nodeListener({ fetch: (request) => fetch(request), log }, { identify })).toThrow('identify requires')
  })
})

describe('authenticate', () => {
  it("gets the server's own request second", async () => {
    const jobs = open({ authenticate: (_, native) => identify(native as Known) })
    const post = await serving(jobs, (req, res) => {
      login(req)
      nodeListener(jobs)(req, res)
    })
    expect(await post({ 'x-user': 'ann' })).toEqual([202, 'ann'])
  })

  it('gets the Request itself from a fetch handler', async () => {
    const seen: boolean[] = []
    const jobs = open({ authenticate: (request, native) => void seen.push(native === request) })
    expect((await jobs.fetch(new Request('http://localhost/api/jobs'))).status).toBe(401)
    expect(seen).toEqual([true])
  })

  it('is required where nothing else identifies the caller', async () => {
    const jobs = open()
    expect((await jobs.fetch(new Request('http://localhost/api/jobs'))).status).toBe(500)
  })
})
