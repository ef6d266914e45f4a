import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { listen, nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, job, silentLog } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { until } from '../until.ts'
import { Events, raw } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

let closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing) await close()
  closing = []
})

async function served(options: Parameters<typeof serve>[0] = {}): Promise<Serving> {
  const api = await serve(options)
  closing.push(api.close)
  return api
}

describe('a fetch handler around the jobs API', () => {
  const wrapped = () =>
    served({
      listen: (jobs) =>
        nodeListener({
          async fetch(request) {
            // A real Request, from which another can be derived.
            const response = await jobs.fetch(new Request(request, { headers: request.headers }))
            const answer = new Response(response.body, response)
            answer.headers.append('set-cookie', 'a=1')
            answer.headers.append('set-cookie', 'b=2')
            return answer
          },
        }),
    })

  it('is called, and its response is sent unchanged', async () => {
    const api = await wrapped()
    const response = await api.post('', { type: 'held', input: {} })
    expect([response.status, response.headers.getSetCookie()]).toEqual([202, ['a=1', 'b=2']])
    expect((await api.call(`/${(await body(response)).jobId}`)).headers.getSetCookie()).toHaveLength(2)
  })

  it('passes on a stream and its end', async () => {
    const api = await wrapped()
    const { jobId } = await api.create()
    const left = new Events(await api.call(`/${jobId}/stream`))
    expect(await left.event()).toMatchObject({ type: 'job.snapshot' })
    // While the stream is open, it has a timer.
    let timers = api.clock.pending
    await left.leave()
    // Others may be set meanwhile.
    await until(() => {
      timers = Math.max(timers, api.clock.pending)
      return api.clock.pending < timers
    })
    const events = new Events(await api.call(`/${jobId}/stream`))
    await events.event()
    await api.post(`/${jobId}/cancel`, '')
    expect(await events.event()).toMatchObject({ type: 'job.cancelled' })
    expect(await events.event()).toBe(null)
  })

  it('that throws results in a 500 without details', async () => {
    const api = await served({ listen: () => listen(() => Promise.reject(new Error('secret'))) })
    const response = await api.call('')
    expect(response.status).toBe(500)
    const text = await response.text()
    expect([JSON.parse(text).type, text.includes('secret')]).toEqual(['urn:uketsuke:problem:internal-error', false])
  })
})

describe('the Request that authenticate gets on Node.js', () => {
  async function shown(look: (request: Request) => unknown) {
    const seen: unknown[] = []
    const jobs = createJobs({
      jobs: { any: job({ input: z.object({}).loose(), run: () => null }) },
      store: memory(),
      log: silentLog,
      async authenticate(request) {
        seen.push(await look(request))
        return { owner: 'ann' }
      },
    })
    const server = createServer(nodeListener(jobs))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await jobs.close()
    })
    const post = (text: string) =>
      fetch(`http://127.0.0.1:${port}/api/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-who': 'ann' },
        body: text,
      })
    return { seen, post, port }
  }

  it('is a Request', async () => {
    const { seen, post, port } = await shown((request) => [
      request instanceof Request,
      request.method,
      request.url,
      request.headers.get('X-Who'),
      request.signal.aborted,
      request.redirect,
      request.bodyUsed,
    ])
    expect((await post('{"type":"any","input":{}}')).status).toBe(202)
    expect(seen).toEqual([[true, 'POST', `http://127.0.0.1:${port}/api/jobs`, 'ann', false, 'follow', false]])
  })

  it('can be cloned to verify its body, and the route can still read it', async () => {
    const text = `{"type":"any","input":{"pad":"${'é'.repeat(100_000)}"}}`
    const hash = (data: string) => createHash('sha256').update(data).digest('hex')
    const { seen, post } = await shown(async (request) => hash(await request.clone().text()))
    expect((await post(text)).status).toBe(202)
    expect(seen).toEqual([hash(text)])
    expect((await post(`{"x":"${'x'.repeat(2_000_000)}"}`)).status).toBe(413)
  })
})

describe('a request line', () => {
  it.each([
    ['GET /api/jobs HTTP/1.1\r\nHost: evil/path?\r\n', 400],
    ['GET /api/./x/../jobs HTTP/1.1\r\nHost: x\r\n', 200],
    ['GET http://x/api/jobs?limit=1 HTTP/1.1\r\nHost: x\r\n', 200],
    ['GET /api\\jobs HTTP/1.1\r\nHost: x\r\n', 404],
    ['GET //api/jobs HTTP/1.1\r\nHost: x\r\n', 404],
    ['OPTIONS * HTTP/1.1\r\nHost: x\r\n', 404],
    ['GET /api/jobs#x HTTP/1.1\r\nHost: [::1]:80\r\n', 200],
  ])('%j → %i', async (head, status) => {
    const api = await served()
    const answer = await raw(api.port, `${head}Connection: close\r\nAuthorization: Bearer alice\r\n\r\n`)
    expect(answer.status).toBe(status)
  })

  it('sends 100 Continue, and keeps the connection alive after a 413', async () => {
    const api = await served()
    const text = '{"type":"held","input":{}}'
    const post = (length: number, more: string) =>
      `POST /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`
    const large = ' '.repeat(1024 * 1024 + 1)
    const { body } = await raw(
      api.port,
      `${post(large.length, '')}${large}${post(text.length, 'Expect: 100-continue\r\nConnection: close\r\n')}${text}`,
    )
    expect(body).toMatch(/payload-too-large[\s\S]*HTTP\/1\.1 100 Continue[\s\S]*HTTP\/1\.1 202/)
  })
})
