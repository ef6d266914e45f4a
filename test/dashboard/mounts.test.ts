/** The dashboard mounted as docs/dashboard.md says. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { listen } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { atEnd } from '../jobs/setup.ts'
import { withDashboard } from './setup.ts'

type Dashboard = ReturnType<typeof withDashboard>['dashboard']
type Fetch = (path: string, init?: RequestInit) => Promise<Response>

async function serving(listener: RequestListener): Promise<Fetch> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return (path, init) => fetch(origin + path, { redirect: 'manual', ...init })
}

const mounts: Record<string, (dashboard: Dashboard) => Promise<Fetch> | Fetch> = {
  Express: (dashboard) => serving(express().use(express.json()).use('/ops/dashboard', listen(dashboard))),
  'Express 4': (dashboard) => serving(express4().use(express4.json()).use('/ops/dashboard', listen(dashboard))),
  'a router of Express': (dashboard) =>
    serving(express().use('/ops', express.Router().use('/dashboard', listen(dashboard)))),
  async Fastify(dashboard) {
    const handler = listen(dashboard)
    const app = Fastify()
    for (const path of ['/ops/dashboard', '/ops/dashboard/*']) {
      app.all(path, (request, reply) => {
        reply.hijack()
        // Fastify has read the body.
        handler(Object.assign(request.raw, { body: request.body }), reply.raw)
      })
    }
    await app.ready()
    return serving((req, res) => app.routing(req, res))
  },
  Hono(dashboard) {
    const app = new Hono()
    for (const path of ['/ops/dashboard', '/ops/dashboard/*']) app.all(path, (c) => dashboard(c.req.raw))
    return async (path, init) => app.fetch(new Request(`http://localhost${path}`, init))
  },
}

it.each(Object.entries(mounts))('%s', async (_, mount) => {
  const { jobs, dashboard } = withDashboard()
  const { jobId } = await jobs.enqueue('report', {})
  const get = await mount(dashboard)
  const moved = await get('/ops/dashboard')
  expect([moved.status, moved.headers.get('location')]).toEqual([308, './dashboard/'])
  expect(await (await get('/ops/dashboard/')).text()).toContain('<div id="app">')
  expect((await (await get('/ops/dashboard/dashboard-api/jobs')).json()).items).toMatchObject([{ jobId }])
  const headers = { 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' }
  const cancel = { method: 'POST', headers, body: JSON.stringify({ operation: '1' }) }
  expect((await get(`/ops/dashboard/dashboard-api/jobs/${jobId}/cancel`, cancel)).status).toBe(200)
  const live = await get(`/ops/dashboard/dashboard-api/live?of=jobs/${jobId}`)
  const reader = live.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('"cancelled"')) text += (await reader.read()).value
  await reader.cancel()
})
