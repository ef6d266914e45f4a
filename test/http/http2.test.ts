import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { until } from '../until.ts'
import { type Serving, serve } from './server.ts'
import { tls } from './tls.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const servers = {
  'in clear text': () => ({ server: http2.createServer(), scheme: 'http' }),
  'over TLS with ALPN': () => ({ server: http2.createSecureServer({ ...tls, allowHTTP1: true }), scheme: 'https' }),
}

/** The jobs API over HTTP/2. `api` uses the same service over HTTP/1.1. */
async function overHttp2(kind: keyof typeof servers): Promise<{ api: Serving; client: http2.ClientHttp2Session }> {
  const api = await serve()
  closing.push(api.close)
  const { server, scheme } = servers[kind]()
  server.on('request', nodeListener(api.jobs) as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = http2.connect(`${scheme}://127.0.0.1:${port}`, { ca: tls.cert })
  closing.push(
    () => new Promise((resolve) => server.close(() => resolve(null))),
    () => client.destroy(),
  )
  await once(client, 'connect')
  return { api, client }
}

/** Sends a request. `text` grows as the response arrives. */
function ask(client: http2.ClientHttp2Session, method: string, path: string, body?: string) {
  const stream = client.request(
    { ':method': method, ':path': path, authorization: 'Bearer alice', 'content-type': 'application/json' },
    { endStream: body === undefined },
  )
  const answer = { stream, status: 0, text: '', error: null as Error | null, closed: false }
  stream.on('response', (headers) => {
    answer.status = Number(headers[':status'])
  })
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => {
    answer.text += chunk
  })
  stream.on('error', (error) => {
    answer.error = error
  })
  stream.on('close', () => {
    answer.closed = true
  })
  if (body !== undefined) stream.end(body)
  return answer
}

describe.each(Object.keys(servers) as (keyof typeof servers)[])('HTTP/2 %s', (kind) => {
  it('creates a job, gets its status, and deletes it', async () => {
    const { client } = await overHttp2(kind)
    const created = ask(client, 'POST', '/api/jobs', JSON.stringify({ type: 'held', input: {} }))
    await until(() => created.closed)
    expect([created.status, created.error]).toEqual([202, null])
    const { statusUrl } = JSON.parse(created.text)
    const cancelled = ask(client, 'POST', `${statusUrl}/cancel`)
    await until(() => cancelled.closed)
    expect([cancelled.status, JSON.parse(cancelled.text).status]).toEqual([200, 'cancelled'])
    const removed = ask(client, 'DELETE', statusUrl)
    await until(() => removed.closed)
    expect([removed.status, removed.text]).toEqual([204, ''])
    const refused = ask(client, 'POST', '/api/jobs', 'x'.repeat(3 << 20))
    await until(() => refused.status !== 0)
    expect(refused.status).toBe(413)
  })

  it('stores nothing for a request that was aborted', async () => {
    const { api, client } = await overHttp2(kind)
    const cut = client.request({
      ':method': 'POST',
      ':path': '/api/jobs',
      authorization: 'Bearer alice',
      'content-type': 'application/json',
    })
    cut.on('error', () => {})
    cut.write(JSON.stringify({ type: 'held', input: {} }))
    // The body has arrived, but not its end.
    const ping = () => new Promise<void>((resolve) => void client.ping(() => resolve()))
    await ping()
    cut.close(http2.constants.NGHTTP2_CANCEL)
    await once(cut, 'close')
    await ping()
    const created = ask(client, 'POST', '/api/jobs', JSON.stringify({ type: 'held', input: {} }))
    await until(() => created.closed)
    expect((await api.jobs.list({ owner: 'alice' })).items).toHaveLength(1)
  })

  it('keeps a stream open while its job runs', async () => {
    const { api, client } = await overHttp2(kind)
    const worker = await api.jobs.work()
    const { jobId } = await api.create()
    const { context, finish } = await api.handler(jobId)
    const streams = Array.from({ length: 3 }, () => ask(client, 'GET', `/api/jobs/${jobId}/stream`))
    await until(() => streams.every(({ text }) => text.includes('job.snapshot')))
    // Longer than the grace period for discarding request bodies, which is real time.
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(streams.map(({ closed, error }) => [closed, error])).toEqual(Array(3).fill([false, null]))
    context.progress(40)
    await until(() => streams.every(({ text }) => text.includes('"progress":40')))
    finish()
    await until(() => streams.every(({ closed }) => closed))
    for (const { status, text, error } of streams) {
      expect([status, error, text.includes('job.completed')]).toEqual([200, null, true])
    }
    await worker.stop()
  })

  it('releases a stream that its client reset, and no other', async () => {
    const { api, client } = await overHttp2(kind)
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const [left, kept] = [
      ask(client, 'GET', `/api/jobs/${jobId}/stream`),
      ask(client, 'GET', `/api/jobs/${jobId}/stream`),
    ]
    await until(() => left.text.includes('job.snapshot') && kept.text.includes('job.snapshot'))
    left.stream.close(http2.constants.NGHTTP2_CANCEL)
    await until(() => left.closed)
    await api.clock.advance(15_000)
    await until(() => kept.text.includes('\n:\n'))
    kept.stream.close(http2.constants.NGHTTP2_CANCEL)
    await until(() => api.clock.pending <= timers)
  })

  it('responds to a long-poll at the next version', async () => {
    const { api, client } = await overHttp2(kind)
    const { jobId } = await api.create()
    const stream = client.request({
      ':path': `/api/jobs/${jobId}`,
      authorization: 'Bearer alice',
      prefer: 'wait=20',
      'if-none-match': 'W/"1"',
    })
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    const ended = once(stream, 'end')
    await until(() => api.clock.pending > 0)
    await api.post(`/${jobId}/cancel`, '')
    await ended
    expect(JSON.parse(text)).toMatchObject({ version: 2, status: 'cancelled' })
  })
})

it('serves HTTP/1.1 and HTTP/2 on the same TLS port', async () => {
  const { api, client } = await overHttp2('over TLS with ALPN')
  const { port } = new URL(client.originSet?.[0] ?? '')
  const { request } = await import('node:https')
  const { jobId } = await api.create()
  const answered = new Promise<{ status: number; url: string }>((resolve, reject) => {
    const headers = { authorization: 'Bearer alice' }
    request({ host: '127.0.0.1', port, path: `/api/jobs/${jobId}`, ca: tls.cert, headers }, (response) => {
      response.resume()
      resolve({ status: response.statusCode ?? 0, url: response.httpVersion })
    })
      .on('error', reject)
      .end()
  })
  expect(await answered).toEqual({ status: 200, url: '1.1' })
})
