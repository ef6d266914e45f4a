import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Payload, Queue } from '../systems/port.ts'

export interface Server {
  readonly url: string
  close(): Promise<void>
}

type Accept = (input: Payload) => Promise<{ jobId: string; status: string }>

const accepted = { jobId: '01JD0000000000000000000000', status: 'pending' }
const noop: Accept = async () => accepted

export function serveNoop(stack: string): Promise<Server> {
  if (stack === 'node') return listen(createServer(plain((res, text) => res.end(text))))
  if (stack === 'node-batched') return listen(createServer(plain(inBatches())))
  if (stack === 'hono') return onHono(noop)
  return stack === 'fastify' ? onFastify(noop) : onExpress(noop)
}

/** Our own adapter if there is one, else a route that a user would write around the queue. */
export async function serveQueue(queue: Queue, stack: string): Promise<Server> {
  if (queue.serve !== undefined && (stack === 'node' || stack === 'express')) return queue.serve(stack)
  let count = 0
  const accept: Accept = async (input) => {
    await queue.enqueue(input)
    return { jobId: String(++count), status: 'pending' }
  }
  return stack === 'fastify' ? onFastify(accept) : onExpress(accept)
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

/** Sends responses as group commit does, without a commit: together, at the end of an event-loop turn. */
function inBatches(): (res: ServerResponse, text: string) => void {
  let pending: (() => void)[] = []
  return (res, text) => {
    if (pending.length === 0) {
      setImmediate(() => {
        const batch = pending
        pending = []
        for (const send of batch) send()
      })
    }
    pending.push(() => res.end(text))
  }
}

async function onFastify(accept: Accept): Promise<Server> {
  const { fastify } = await import('fastify')
  const app = fastify()
  app.post<{ Body: { input: Payload } }>('/jobs', async (request, reply) => {
    reply.code(202)
    return accept(request.body.input)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/jobs`, close: () => closeServer(app.server) }
}

async function onExpress(accept: Accept): Promise<Server> {
  const { default: express } = await import('express')
  const app = express()
  app.post('/jobs', express.json(), async (req, res) => {
    res.status(202).json(await accept((req.body as { input: Payload }).input))
  })
  return listen(createServer(app))
}

async function onHono(accept: Accept): Promise<Server> {
  const { Hono } = await import('hono')
  const { getRequestListener } = await import('@hono/node-server')
  const app = new Hono()
  app.post('/jobs', async (c) => c.json(await accept(((await c.req.json()) as { input: Payload }).input), 202))
  const listener = getRequestListener(app.fetch)
  return listen(createServer((req, res) => void listener(req, res)))
}

async function listen(server: ReturnType<typeof createServer>): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs`, close: () => closeServer(server) }
}

function closeServer(server: Pick<ReturnType<typeof createServer>, 'close' | 'closeAllConnections'>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
