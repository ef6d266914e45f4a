import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expressAccept, expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { JobError } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { Events, raw } from './raw.ts'
import { body, type Listen, type Running, type Serving, serve } from './server.ts'

/** A typical app: a JSON parser before everything, a router, and a custom error handler. */
const app: Listen = (jobs) => {
  const own = express.Router()
  own.post(
    '/reports',
    expressAccept(jobs, (req) => {
      const { webhookUrl, answerWithin, type, ...input } = req.body as Record<string, unknown>
      if (typeof answerWithin === 'number') return { type: type === 'held' ? type : 'report', input, answerWithin }
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

  describe('with answerWithin', () => {
    const ask = (more: object, prefer = '') =>
      api.post('/own/reports', { answerWithin: 5_000, ...more }, { headers: prefer === '' ? {} : { prefer } })
    const held = async () => {
      const { items } = await api.jobs.list({ owner: 'alice', type: 'held' })
      return items.length === 0 ? null : api.handler(items[0]!.jobId)
    }

    it('responds with the output of a job that completes in time', async () => {
      const worker = await api.jobs.work()
      const response = await ask({ pages: 3 })
      expect([response.status, await response.json()]).toEqual([200, { pages: 3 }])
      const { headers } = response
      expect([headers.get('content-type'), headers.get('cache-control'), headers.has('retry-after')]).toEqual([
        'application/json',
        'no-store',
        false,
      ])
      const [, id = ''] = /^\/api\/jobs\/(\w{26})$/.exec(headers.get('content-location') ?? '') ?? []
      expect(await body(await api.call(`/${id}`))).toMatchObject({ status: 'completed', output: { pages: 3 } })
      await worker.stop()
    })

    it('responds with the usual 202 when the time is over, and the job goes on', async () => {
      const worker = await api.jobs.work()
      const asked = ask({ type: 'held' })
      const { finish } = (await until(held)) as Running
      await api.clock.advance(5_000)
      const response = await asked
      const { jobId, status } = await body(response)
      expect([response.status, status, response.headers.get('location')]).toEqual([
        202,
        'running',
        `/api/jobs/${jobId}`,
      ])
      finish('late')
      expect(await body(await api.call(`/${jobId}`, { headers: { prefer: 'wait=5' } }))).toMatchObject({
        output: 'late',
      })
      await worker.stop()
    })

    it('responds with a 202 for a job that fails in time', async () => {
      const worker = await api.jobs.work()
      const asked = ask({ type: 'held' })
      const { fail } = (await until(held)) as Running
      fail(new JobError('The card was declined.', { code: 'card-declined', retryable: false }))
      const response = await asked
      expect([response.status, await body(response)]).toMatchObject([
        202,
        { status: 'failed', error: { code: 'card-declined' } },
      ])
      await worker.stop()
    })

    it.each([
      ['respond-async', 'respond-async'],
      ['Respond-Async; foo, wait=3', 'respond-async'],
      ['wait=0', 'wait=0'],
    ])('Prefer: %s gets a 202 at once', async (prefer, applied) => {
      const response = await ask({ pages: 1 }, prefer)
      expect([response.status, response.headers.get('preference-applied')]).toEqual([202, applied])
    })

    it('Prefer: wait shortens the wait, and cannot lengthen it', async () => {
      const soon = ask({ type: 'held' }, 'wait=2')
      await until(() => api.clock.pending > 0)
      await until(async () => (await api.jobs.stats()).jobs.pending === 1)
      await api.clock.advance(2_000)
      expect([(await soon).status, (await soon).headers.get('preference-applied')]).toEqual([202, 'wait=2'])
      const long = ask({ type: 'held' }, 'wait=20')
      await until(async () => (await api.jobs.stats()).jobs.pending === 2)
      await api.clock.advance(5_000)
      expect([(await long).status, (await long).headers.get('preference-applied')]).toEqual([202, null])
    })

    it('a repeated request gets the same answer, without another run', async () => {
      const worker = await api.jobs.work()
      const again = () =>
        api.post('/own/reports', { answerWithin: 5_000, pages: 4 }, { headers: { 'idempotency-key': 'quick' } })
      const [first, second] = [await again(), await again()]
      expect(second.headers.get('content-location')).toBe(first.headers.get('content-location'))
      expect([second.status, second.headers.get('idempotent-replayed'), await second.json()]).toEqual([
        200,
        'true',
        { pages: 4 },
      ])
      expect((await api.jobs.stats()).jobs.completed).toBe(1)
      await worker.stop()
    })

    it('a credential that may not read gets the 202, without the output', async () => {
      const worker = await api.jobs.work()
      const response = await api.post('/own/reports', { answerWithin: 5_000, pages: 1 }, { as: 'alice/jobs:create' })
      const job = await body(response)
      expect([response.status, job.status, 'output' in job]).toEqual([202, 'completed', false])
      await worker.stop()
    })

    it.each([-1, 0.5, 50_001])('%s is refused before anything is stored', async (answerWithin) => {
      expect((await ask({ pages: 1, answerWithin })).status).toBe(500)
      expect((await api.jobs.stats()).jobs.pending).toBe(0)
    })
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
