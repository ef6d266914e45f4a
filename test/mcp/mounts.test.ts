/** The endpoint mounted as docs/mcp.md says. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { createJobs, job, silentLog, sqlite } from 'uketsuke'
import { listen } from 'uketsuke/node'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { atEnd } from '../jobs/setup.ts'
import { authenticate } from './setup.ts'

type Handler = (request: Request) => Promise<Response>
type Fetch = (init: RequestInit) => Promise<Response>

async function serving(listener: RequestListener, path = '/tools/mcp'): Promise<Fetch> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  return (init) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init)
}

const mounts: Record<string, (mcp: Handler) => Promise<Fetch> | Fetch> = {
  'node:http': (mcp) => serving(listen(mcp)),
  Express: (mcp) => serving(express().use(express.json()).use('/tools/mcp', listen(mcp))),
  'Express 4': (mcp) => serving(express4().use(express4.json()).use('/tools/mcp', listen(mcp))),
  'a router of Express': (mcp) => serving(express().use('/tools', express.Router().use('/mcp', listen(mcp)))),
  async Fastify(mcp) {
    const handler = listen(mcp)
    const app = Fastify()
    app.post('/tools/mcp', (request, reply) => {
      reply.hijack()
      handler(Object.assign(request.raw, { body: request.body }), reply.raw)
    })
    await app.ready()
    return serving((req, res) => app.routing(req, res))
  },
  Hono(mcp) {
    const app = new Hono()
    app.post('/tools/mcp', (c) => mcp(c.req.raw))
    return async (init) => app.fetch(new Request('http://localhost/tools/mcp', init))
  },
  'a fetch handler, as in Next.js': (mcp) => (init) => mcp(new Request('http://localhost/tools/mcp', init)),
}

it.each(Object.entries(mounts))('%s', async (_, mount) => {
  const jobs = createJobs({
    jobs: {
      save: job({
        description: 'Saves a file.',
        mcp: true,
        input: z.object({ text: z.string() }),
        run: ({ input, files }) => files.save('note.txt', input.text),
      }),
    },
    store: sqlite(':memory:'),
    publicUrl: 'https://example.com/jobs',
    log: silentLog,
    authenticate,
  })
  atEnd(() => jobs.close())
  await jobs.work()
  const send = await mount(jobs.mcp())
  const params = { name: 'save', arguments: { text: 'hello' } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ann' }
  const answer = await send({ method: 'POST', headers, body })
  expect(answer.status).toBe(200)
  const { result } = (await answer.json()) as { result: { content: { uri?: string }[] } }
  expect(result.content.at(-1)?.uri).toMatch(/^https:\/\/example\.com\/jobs\/[0-9A-Z]{26}\/files\/note\.txt\?ticket=/)
  expect((await send({ method: 'POST', headers: { ...headers, Authorization: '' }, body })).status).toBe(401)
})
