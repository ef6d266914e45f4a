import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Resources } from '../systems/port.ts'

export interface FanOut {
  readonly port: number
  readonly path: string
  /** Changes the state that all connections follow. */
  change(n: number, message: string): void
  close(): Promise<void>
}

export async function startFanOut(variant: string, resources: Resources): Promise<FanOut> {
  if (variant === 'ours') return ours(resources)
  return variant === 'better-sse' ? betterSse() : bare()
}

async function ours(resources: Resources): Promise<FanOut> {
  const { createJobs, job, silentLog, sqlite } = await import('uketsuke')
  const { nodeListener } = await import('uketsuke/node')
  const { z } = await import('zod')
  let report: (percent: number, message: string) => void = () => {}
  let end: () => void = () => {}
  let started: () => void = () => {}
  const running = new Promise<void>((resolve) => {
    started = resolve
  })
  const ticker = job({
    input: z.object({}),
    run({ progress }) {
      report = progress
      started()
      return new Promise<void>((resolve) => {
        end = resolve
      })
    },
  })
  const jobs = createJobs({
    jobs: { ticker },
    store: sqlite(join(resources.folder, 'jobs.db')),
    authenticate: () => ({ owner: 'bench' }),
    log: silentLog,
    // All connections are of one owner.
    quotas: { streamsPerOwner: 100_000, streamsPerProcess: 100_000 },
  })
  await jobs.work()
  const { streamUrl } = await jobs.enqueue('ticker', {}, { owner: 'bench' })
  await running
  const server = await listen(nodeListener(jobs))
  return {
    port: server.port,
    path: streamUrl,
    change: (n, message) => report(n, message),
    async close() {
      end()
      await server.close()
      await jobs.close()
    },
  }
}

/** Has the length of our events, with the marker in the same position. */
const event = (n: number, message: string) =>
  `id: ${n}\ndata: ${JSON.stringify({ type: 'job.progress', timestamp: '2026-01-01T00:00:00.000Z', data: { ...state, progress: n, progressMessage: message } })}\n\n`

const id = '01JD0000000000000000000000'
const state = {
  jobId: id,
  type: 'ticker',
  status: 'running',
  progress: 0,
  progressMessage: null as string | null,
  version: 2,
  attempt: 1,
  maxAttempts: 3,
  priority: 'normal',
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.000Z',
  completedAt: null,
  runAt: '2026-01-01T00:00:00.000Z',
  cancelRequestedAt: null,
  expiresAt: null,
  statusUrl: `/api/jobs/${id}`,
  streamUrl: `/api/jobs/${id}/stream`,
  cancelUrl: `/api/jobs/${id}/cancel`,
}

async function bare(): Promise<FanOut> {
  const open = new Set<ServerResponse>()
  const server = await listen((req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    res.write(event(0, 'first'))
    open.add(res)
    req.on('close', () => open.delete(res))
  })
  return {
    ...server,
    path: '/',
    change(n, message) {
      const text = event(n, message)
      for (const res of open) res.write(text)
    },
  }
}

async function betterSse(): Promise<FanOut> {
  const { createChannel, createSession } = await import('better-sse')
  const channel = createChannel()
  const server = await listen(async (req, res) => {
    const session = await createSession(req, res)
    session.push(state)
    channel.register(session)
  })
  return {
    ...server,
    path: '/',
    change: (n, message) => void channel.broadcast({ ...state, progress: n, progressMessage: message }),
  }
}

async function listen(listener: RequestListener): Promise<Omit<FanOut, 'path' | 'change'>> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1_024, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
