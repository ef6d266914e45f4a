import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Payload, Queue } from '../systems/port.ts'

export interface Server {
  readonly url: string
  close(): Promise<void>
}

type Answer = (input: Payload) => Promise<{ jobId: string; status: string }>

const accepted = { jobId: '01JD0000000000000000000000', status: 'pending' }
const nothing: Answer = async () => accepted

export function serveNothing(stack: string): Promise<Server> {
  if (stack === 'node') return listen(createServer(plain((res, text) => res.end(text))))
  if (stack === 'node-batched') return listen(createServer(plain(inBatches())))
  if (stack === 'hono') return onHono(nothing)
  return stack === 'fastify' ? onFastify(nothing) : onExpress(nothing)
}

/** A route that somebody would write around a queue, or this project's own adapter. */
export async function serveQueue(queue: Queue, stack: string): Promise<Server> {
  if (queue.serve !== undefined && (stack === 'node' || stack === 'express')) return queue.serve(stack)
  let count = 0
  const answer: Answer = async (input) => {
    await queue.enqueue(input)
    return { jobId: String(++count), status: 'pending' }
  }
  return stack === 'fastify' ? onFastify(answer) : onExpress(answer)
}

function plain(end: (res: ServerResponse, text: string) => void): RequestListener {
  return (req: IncomingMessage, res: ServerResponse) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      JSON.parse(Buffer.concat(chunks).toString())
      const text = JSON.stringify(accepted)
      res.writeHead(202, { 'content-type': 'application/json', 'content-length': text.length })
      end(res, text)
    })
  }
}

/** What group commit does to the answers, without a commit: they leave together, at the end of a turn of the loop. */
function inBatches(): (res: ServerResponse, text: string) => void {
  let waiting: (() => void)[] = []
  return (res, text) => {
    if (waiting.length === 0) {
      setImmediate(() => {
        const batch = waiting
        waiting = []
        for (const answer of batch) answer()
      })
    }
    waiting.push(() => res.end(text))
  }
}

async function onFastify(answer: Answer): Promise<Server> {
  const { fastify } = await import('fastify')
  const app = fastify()
  app.post<{ Body: { input: Payload } }>('/jobs', async (request, reply) => {
    reply.code(202)
    return answer(request.body.input)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/jobs`, close: () => closing(app.server) }
}

async function onExpress(answer: Answer): Promise<Server> {
  const { default: express } = await import('express')
  const app = express()
  app.post('/jobs', express.json(), async (req, res) => {
    res.status(202).json(await answer((req.body as { input: Payload }).input))
  })
  return listen(createServer(app))
}

async function onHono(answer: Answer): Promise<Server> {
  const { Hono } = await import('hono')
  const { getRequestListener } = await import('@hono/node-server')
  const app = new Hono()
  app.post('/jobs', async (c) => c.json(await answer(((await c.req.json()) as { input: Payload }).input), 202))
  const listener = getRequestListener(app.fetch)
  return listen(createServer((req, res) => void listener(req, res)))
}

async function listen(server: ReturnType<typeof createServer>): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs`, close: () => closing(server) }
}

function closing(server: Pick<ReturnType<typeof createServer>, 'close' | 'closeAllConnections'>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
