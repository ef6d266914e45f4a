/** A client over a real socket to a jobs API that a test can disturb. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { vi } from 'vitest'
import { type Client, type ClientOptions, createClient } from '../../packages/client/src/index.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { serve } from '../http/server.ts'
import { atEnd } from '../jobs/setup.ts'

interface TestJobs {
  held: { input: Record<string, unknown>; output: unknown }
  report: { input: { pages: number }; output: { pages: number } }
}

/** Returns true if it has responded. */
type Disturb = (req: IncomingMessage, res: ServerResponse) => boolean

/** The served jobs API, a client of alice, and what it has requested. */
export async function connected(options: Partial<ClientOptions> = {}) {
  const requests: string[] = []
  const front: { disturb: Disturb | null } = { disturb: null }
  const api = await serve({
    listen: (jobs) => {
      const inner = nodeListener(jobs)
      return (req, res) => {
        requests.push(`${req.method} ${req.url?.replace('/api/jobs', '')}`)
        if (!front.disturb?.(req, res)) inner(req, res)
      }
    },
  })
  atEnd(async () => {
    const closing = api.close()
    await api.clock.advance(30_000)
    await closing
  })
  const url = `${api.origin}/api/jobs`
  const client: Client<TestJobs> = createClient<TestJobs>({ url, token: 'alice', ...options })
  const streams = () => requests.filter((one) => one.startsWith('GET /events')).length
  const polls = () => requests.filter((one) => /^GET \/[0-9A-Z]{26}$/.test(one)).length
  return { api, client, requests, front, streams, polls, url }
}

export const isStream = (req: IncomingMessage) => req.url?.includes('/events') === true

/** Answers every request for a stream. */
export const answerStreams =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (req: IncomingMessage, res: ServerResponse) => {
    if (!isStream(req)) return false
    res.writeHead(status, headers).end(body)
    return true
  }

/** Puts the timers of the client under the control of `pass`. Those of the server and of sockets stay real. */
export function turnTimers() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  atEnd(() => void vi.useRealTimers())
}

/** Passes time for the client, up to `ms` milliseconds or until `done`. Requests that it causes get their responses meanwhile. */
export async function pass(ms: number, done: () => boolean = () => false): Promise<number> {
  let passed = 0
  for (; passed < ms && !done(); passed += 100) {
    await vi.advanceTimersByTimeAsync(100)
    const real = performance.now()
    while (performance.now() - real < 6) await new Promise((resolve) => setImmediate(resolve))
  }
  return passed
}
