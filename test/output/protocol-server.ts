import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, type JobContext, job, type StoreFactory, silentLog } from '../../packages/uketsuke/src/index.ts'
import { gate } from '../jobs/setup.ts'
import { until } from '../until.ts'

/**
 * The server that the conformance tests of Durable Streams talk to. Their tests of reading create streams and append to them first: here, a PUT
 * enqueues a job, a POST lets its handler write, and `Stream-Closed` lets it return. Reads go to the jobs API as they are, except for the
 * content type: jobs have three, and the tests name their own.
 */
export async function protocolServer(store: StoreFactory) {
  const handlers = new Map<string, { context: JobContext<object>; end(): void }>()
  const run = async (context: JobContext<object>) => {
    const { open, passed } = gate()
    handlers.set(context.jobId, { context, end: open })
    await passed
  }
  const common = { input: z.object({}), run }
  const jobs = createJobs({
    jobs: {
      text: job({ ...common, stream: 'text' }),
      json: job({ ...common, stream: 'json' }),
      binary: job({ ...common, stream: 'binary' }),
    },
    store,
    log: silentLog,
    limits: { chunkBytes: 1 << 20 },
    authenticate: () => ({ owner: 'ann' }),
  })
  await jobs.work({ concurrency: 5_000 })
  const api = createServer(nodeListener(jobs))
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(api.address() as AddressInfo).port}/api/jobs`
  const streams = new Map<string, { jobId: string; contentType: string; mode: 'text' | 'json' | 'binary' }>()

  const tail = async (jobId: string) => {
    const { headers } = await jobs.fetch(new Request(`${base}/${jobId}/output`, { method: 'HEAD' }))
    return { offset: headers.get('stream-next-offset') ?? '', closed: headers.get('stream-closed') === 'true' }
  }

  async function append(path: string, body: Buffer): Promise<number> {
    const { jobId, mode } = streams.get(path) ?? { jobId: '', mode: 'text' }
    const { output } = handlers.get(jobId)!.context
    const before = (await tail(jobId)).offset
    let chunks: unknown[] = [mode === 'text' ? body.toString() : body]
    if (mode === 'json') {
      try {
        chunks = [JSON.parse(body.toString())].flat()
      } catch {
        return 400
      }
      if (chunks.length === 0) return 400
    }
    for (const chunk of chunks) void output.write(chunk)
    await until(async () => (await tail(jobId)).offset !== before, 'the chunk is stored')
    return 204
  }

  async function create(path: string, contentType: string, body: Buffer): Promise<void> {
    const mode = /^application\/json/i.test(contentType) ? 'json' : /^text\//i.test(contentType) ? 'text' : 'binary'
    const { jobId } = await jobs.enqueue(mode, {}, { owner: 'ann' })
    await until(() => handlers.has(jobId))
    streams.set(path, { jobId, contentType, mode })
    if (body.length > 0 && body.toString() !== '[]') await append(path, body)
  }

  async function close(jobId: string): Promise<void> {
    handlers.get(jobId)?.end()
    await until(async () => (await tail(jobId)).closed, 'the stream is closed')
  }

  async function read(
    req: IncomingMessage,
    res: ServerResponse,
    query: string,
    stream: { jobId: string; contentType: string },
  ) {
    const controller = new AbortController()
    res.on('close', () => controller.abort())
    const headers = { 'if-none-match': req.headers['if-none-match'] ?? '""', prefer: 'wait=1' }
    const response = await fetch(`${base}/${stream.jobId}/output${query}`, {
      method: req.method ?? 'GET',
      headers,
      signal: controller.signal,
    })
    const sent = Object.fromEntries(response.headers)
    const own = response.ok && sent['content-type'] !== 'text/event-stream' && { 'content-type': stream.contentType }
    delete sent['transfer-encoding']
    res.writeHead(response.status, { ...sent, ...own })
    for await (const chunk of response.body ?? []) res.write(chunk)
    res.end()
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const [path = '', query] = (req.url ?? '').split('?')
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const stream = streams.get(path)
    const closes = req.headers['stream-closed'] === 'true'
    if (req.method === 'PUT') {
      await create(path, req.headers['content-type'] ?? 'application/octet-stream', body)
      if (closes) await close(streams.get(path)?.jobId ?? '')
      const { offset } = await tail(streams.get(path)?.jobId ?? '')
      res.writeHead(201, { 'stream-next-offset': offset, location: path }).end()
    } else if (stream === undefined) {
      res.writeHead(404, { 'x-content-type-options': 'nosniff' }).end()
    } else if (req.method === 'POST') {
      const status = body.length > 0 ? await append(path, body) : 204
      if (closes) await close(stream.jobId)
      res.writeHead(status, { 'stream-next-offset': (await tail(stream.jobId)).offset }).end()
    } else {
      await read(req, res, query === undefined ? '' : `?${query}`, stream)
    }
  }

  const front = createServer((req, res) => {
    serve(req, res).catch(() => res.destroy())
  })
  // A client that computes for longer does not notice that an idle connection was closed, and its next request fails.
  for (const server of [front, api]) server.keepAliveTimeout = 300_000
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    async stop() {
      for (const { end } of handlers.values()) end()
      for (const server of [front, api]) server.closeAllConnections()
      front.close()
      api.close()
      await jobs.close()
    },
  }
}
