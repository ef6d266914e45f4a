import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expressAccept, expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { Events, raw } from './raw.ts'
import { body, type Listen, type Serving, serve } from './server.ts'

/** A typical app: a JSON parser before everything, a router, and a custom error handler. */
const app: Listen = (jobs) => {
  const own = express.Router()
  own.post(
    '/reports',
    expressAccept(jobs, (req) => {
      const { webhookUrl, ...input } = req.body as Record<string, unknown>
      if (input.boom) throw new Error('thrown by the route')
      return { type: 'report', input, webhookUrl }
    }),
  )
  return express()
    .use(express.json())
    .use('/own', own)
    .use('/api/jobs', expressJobs(jobs))
    .get('/api/other', (_, res) => void res.send('other'))
    .use(((error, _req, res, _next) => void res.status(500).send(error.message)) as express.ErrorRequestHandler)
}

let api: Serving
beforeEach(async () => {
  api = await serve({ listen: app })
})
afterEach(() => api.close())

describe("a user's own route on Express 5", () => {
  it('responds with the complete 202', async () => {
    const response = await api.post('/own/reports', { pages: 2, webhookUrl: 'https://example.com/' })
    const job = await body(response)
    expect(response.status).toBe(202)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      location: `/api/jobs/${job.jobId}`,
      'retry-after': '1',
      etag: 'W/"1"',
      'cache-control': 'no-store',
    })
    expect(job).toMatchObject({ type: 'report', statusUrl: `/api/jobs/${job.jobId}`, message: expect.any(String) })
    expect(await body(await api.call(`/${job.jobId}?include=input`))).toMatchObject({ input: { pages: 2 } })
  })

  it('returns pointers into the posted body', async () => {
    const response = await api.post('/own/reports', { pages: 'many' })
    expect([response.status, response.headers.get('content-type')]).toEqual([422, 'application/problem+json'])
    expect((await body(response)).errors).toMatchObject([{ pointer: '/pages' }])
  })

  it('checks the caller and the scope', async () => {
    expect((await api.post('/own/reports', { pages: 1 }, { as: '' })).status).toBe(401)
    expect((await api.post('/own/reports', { pages: 1 }, { as: 'reader' })).status).toBe(403)
    expect((await api.post('/own/reports', { pages: 1 }, { as: 'busy' })).status).toBe(429)
    expect((await api.post('/own/reports', { pages: 1 }, { as: 'broken' })).status).toBe(500)
  })

  it('supports Idempotency-Key, scoped to the route, and Prefer', async () => {
    const init = { headers: { 'idempotency-key': 'k', prefer: 'wait=5' } }
    const worker = await api.jobs.work()
    const first = await api.post('/own/reports', { pages: 1 }, init)
    expect(await body(first)).toMatchObject({ status: 'completed', output: { pages: 1 } })
    const again = await api.post('/own/reports?x=1', { pages: 1 }, init)
    expect([again.headers.get('idempotent-replayed'), again.headers.get('preference-applied')]).toEqual([
      'true',
      'wait=5',
    ])
    expect((await api.post('/own/reports', { pages: 2 }, init)).status).toBe(422)
    const elsewhere = await api.post('', { type: 'report', input: { pages: 1 } }, init)
    expect([elsewhere.status, elsewhere.headers.has('idempotent-replayed')]).toEqual([202, false])
    await worker.stop()
  })

  it('reports an input that JSON.stringify cannot serialize', async () => {
    const deep = `{"pages":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
    const response = await api.call('/own/reports', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: deep,
    })
    expect([response.status, (await body(response)).errors]).toMatchObject([422, [{ pointer: '' }]])
  })

  it('passes errors of the route to the error handler', async () => {
    const response = await api.post('/own/reports', { boom: true })
    expect([response.status, await response.text()]).toEqual([500, 'thrown by the route'])
  })
})

describe('the jobs API behind express.json()', () => {
  it('uses the parsed body', async () => {
    expect((await api.post('', { type: 'report', input: { pages: 1 } })).status).toBe(202)
    expect((await api.post('', { type: 'held', input: {}, owner: 'bob' })).status).toBe(422)
    expect((await api.post('', '{"type":"held","input":{"__proto__":{}}}')).status).toBe(422)
    const chunk = '{"type":"held","input":{}}'
    const answer = await raw(
      api.port,
      `POST /api/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer alice\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`,
    )
    expect(answer.status).toBe(202)
  })

  it('works without a body', async () => {
    const { jobId } = await api.create()
    expect((await api.call(`/${jobId}/cancel`, { method: 'POST' })).status).toBe(200)
    expect((await api.call(`/${jobId}`, { method: 'DELETE' })).status).toBe(204)
  })

  it('passes other paths to other handlers', async () => {
    expect(await (await api.call('/api/other')).text()).toBe('other')
    expect((await api.call('/api/nothing')).headers.get('content-type')).toMatch(/html/)
  })

  it('streams without buffering', async () => {
    const worker = await api.jobs.work()
    const { jobId } = await api.create()
    const { context, finish } = await api.handler(jobId)
    const events = new Events(await api.call(`/${jobId}/stream`))
    expect(await events.event()).toMatchObject({ type: 'job.snapshot' })
    context.progress(50)
    expect(await events.event()).toMatchObject({ type: 'job.progress', data: { progress: 50 } })
    finish()
    expect(await events.event()).toMatchObject({ type: 'job.completed' })
    expect(await events.event()).toBe(null)
    await worker.stop()
  })
})

it('works with a raw body parser and without a parser', async () => {
  for (const before of [express.raw({ type: '*/*' }), express.text({ type: '*/*' })]) {
    const server = createServer(express().use(before).use(expressJobs(api.jobs)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/jobs`, {
      method: 'POST',
      headers: { authorization: 'Bearer alice', 'content-type': 'application/json' },
      body: '{"type":"held","input":{}}',
    })
    expect(response.status).toBe(202)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
