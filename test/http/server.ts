/** A jobs API on a real socket with SQLite, a manual clock and controllable handlers. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import type { Log } from '../../packages/uketsuke/src/base/log.ts'
import type { JobContext } from '../../packages/uketsuke/src/definition/context.ts'
import { job } from '../../packages/uketsuke/src/definition/define.ts'
import { QuotaExceeded } from '../../packages/uketsuke/src/domain/quota.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import type { HttpOptions, Identity } from '../../packages/uketsuke/src/http/identity.ts'
import type { StoreFactory } from '../../packages/uketsuke/src/store/port.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { type ManualClock, manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { visible } from '../jobs/setup.ts'

const secretKey = Buffer.alloc(32, 7).toString('base64')

const people: Record<string, Identity> = {
  'Bearer alice': { owner: 'alice' },
  'Bearer bob': { owner: 'bob' },
  'Bearer reader': { owner: 'alice', scopes: ['jobs:read'] },
  'Bearer writer': { owner: 'alice', scopes: ['jobs:write'] },
  'Bearer nobody': { owner: '' },
}

export const authenticate: HttpOptions['authenticate'] = (request) => {
  const credential = request.headers.get('authorization') ?? ''
  if (credential === 'Bearer eats') return request.text().then(() => ({ owner: 'alice' }))
  if (credential === 'Bearer busy') {
    throw new QuotaExceeded({ name: 'default', limit: 100, window: 60, remaining: 0, reset: 30 })
  }
  if (credential === 'Bearer broken') throw new Error('secret: the password of the database')
  // Any owner with any scopes, as in `Bearer alice/jobs:create,jobs:read`.
  const [, owner, scopes = ''] = /^Bearer (alice|bob)\/(.*)$/.exec(credential) ?? []
  return owner === undefined ? (people[credential] ?? null) : { owner, scopes: scopes.split(',') }
}

export type Listen = (jobs: ReturnType<typeof jobsFor>['jobs']) => RequestListener | Promise<RequestListener>

interface Options {
  store?: StoreFactory
  clock?: ManualClock
  listen?: Listen
  serverOptions?: { maxHeaderSize?: number }
  authenticate?: HttpOptions['authenticate']
}

/** A handler that waits until a test ends it. */
export interface Running {
  context: JobContext<unknown>
  finish(output?: unknown): void
  fail(error: unknown): void
}

function jobsFor(store: StoreFactory, clock: ManualClock, known: HttpOptions['authenticate'] = authenticate) {
  const lines: { fields: object; message: string }[] = []
  const note = (fields: object, message: string) => void lines.push({ fields, message })
  const log: Log = { info() {}, warn: note, error: note, child: () => log }
  const running = new Map<string, Running>()
  const arrivals = new Map<string, (one: Running) => void>()
  const jobs = createJobs({
    jobs: {
      held: job({
        stream: 'text',
        input: z.object({}).loose(),
        run: (context): Promise<unknown> =>
          new Promise((finish, fail) => {
            const one = { context, finish, fail }
            context.signal.addEventListener('abort', () => fail(context.signal.reason))
            running.set(context.jobId, one)
            arrivals.get(context.jobId)?.(one)
          }),
      }),
      report: job({
        stream: 'text',
        input: z.object({ pages: z.number().int().min(1), file: z.string().optional() }),
        run: async ({ input, files, output }) => {
          await output.write('Printing. ')
          if (input.file !== undefined) await files.save(input.file, 'the report')
          return { pages: input.pages }
        },
      }),
    },
    store,
    clock,
    log,
    authenticate: known,
    webhooks: {
      secret: 'whsec_YSBzZWNyZXQgZm9yIHRlc3RzIGFsb25lLCBhbmQgbm8gb3RoZXI=',
      allowHosts: ['127.0.0.1:9'],
      endpoints: true,
      secretKey,
    },
    maxBodyBytes: 1024 * 1024,
    limits: { metadataBytes: 800_000, outputBytes: 16 << 20 },
  })
  const handler = (id: string): Promise<Running> => {
    const one = running.get(id)
    return one ? Promise.resolve(one) : new Promise((resolve) => arrivals.set(id, resolve))
  }
  return { jobs, lines, handler }
}

/** Serves on 127.0.0.1. `close` stops everything. */
export async function serve(options: Options = {}) {
  const { store = sqlite(':memory:'), clock = manualClock(), listen = nodeListener } = options
  const { store: shown, opened } = visible(store)
  const { jobs, lines, handler } = jobsFor(shown, clock, options.authenticate)
  await jobs.ready()
  const server: Server = createServer(options.serverOptions ?? {}, await listen(jobs))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`

  const call = (path: string, init: RequestInit & { as?: string } = {}): Promise<Response> => {
    const { as = 'alice', ...rest } = init
    const headers = new Headers(rest.headers)
    if (as !== '' && !headers.has('authorization')) headers.set('authorization', `Bearer ${as}`)
    const url = path.startsWith('/api') || path.startsWith('/own') ? path : `/api/jobs${path}`
    return fetch(origin + url, { redirect: 'error', ...rest, headers })
  }
  const post = (path: string, body: unknown, init: RequestInit & { as?: string } = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return call(path, {
      ...init,
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }
  /** Creates a pending job. Nothing runs before `jobs.work()`. */
  const create = async (
    body: object = { type: 'held', input: {} },
    as = 'alice',
  ): Promise<{ jobId: string; version: number }> => {
    const response = await post('', body, { as })
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`)
    return response.json() as Promise<{ jobId: string; version: number }>
  }
  const close = async () => {
    await jobs.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { jobs, store: opened(), clock, server, port, origin, lines, handler, call, post, create, close }
}

export type Serving = Awaited<ReturnType<typeof serve>>

/** Parses the body of a response as JSON. */
export async function body(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>
}
