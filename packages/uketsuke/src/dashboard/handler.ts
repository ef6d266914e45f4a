import { UketsukeError } from '../domain/errors.ts'
import { problem, toUketsukeError } from '../http/problem.ts'
import type { Schedules } from '../schedule/schedules.ts'
import type { JobService } from '../service.ts'
import { StatisticsReader } from '../statistics/reader.ts'
import type { Store } from '../store/port.ts'
import { type Access, Answer, accessOf, type DashboardOptions } from './access.ts'
import { asset, assetFolder, page, security } from './assets.ts'
import { Audit } from './audit.ts'
import { change } from './changes.ts'
import { hiddenBy } from './hidden.ts'
import { ChangeCounter, liveEvents } from './live.ts'
import type { DashboardParts } from './parts.ts'
import { read, readAllowed } from './reads.ts'

export interface DashboardHost {
  readonly service: JobService
  readonly store: Store
  readonly schedules: Schedules
  /** Calls the function after each change of a job by this process. */
  onChange(fn: () => void): void
}

/** The path of the JSON API below the dashboard. Everything else is the page, so that the dashboard works below any path. */
const apiFolder = '/dashboard-api/'

/** @throws {UketsukeError} `invalid-configuration` */
export function dashboardHandler(
  host: DashboardHost,
  options: DashboardOptions,
): (request: Request) => Promise<Response> {
  const { service, store, schedules } = host
  const parts: DashboardParts = {
    service,
    store,
    schedules,
    statistics: new StatisticsReader(store.records),
    hidden: hiddenBy(options?.hide),
    access: accessOf(options ?? {}),
    audit: new Audit(store.records, service.clock, service.log),
  }
  let changes: ChangeCounter | null = null
  const counter = () => {
    if (changes !== null) return changes
    changes = new ChangeCounter((noticed) => store.onForeignCommit(noticed))
    host.onChange(changes.noticed)
    return changes
  }
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    const at = pathname.lastIndexOf(apiFolder)
    try {
      if (at === -1) return await files(parts.access, request, pathname)
      await service.ready()
      const path = pathname.slice(at + apiFolder.length)
      const action = request.method === 'POST' ? change : read
      if (path !== 'live') return json(await action(parts, request, path, searchParams))
      return await live(parts, request, new URLSearchParams(searchParams), counter())
    } catch (thrown) {
      // A copy: `authorize` may return the same response again.
      if (thrown instanceof Answer) return thrown.response.clone()
      return toProblem(toUketsukeError(thrown, service.log, `${request.method} ${pathname}`))
    }
  }
}

async function files(access: Access, request: Request, pathname: string): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return new Response(null, { status: 405, headers: { Allow: 'GET, HEAD' } })
  const at = pathname.lastIndexOf(`/${assetFolder}/`)
  // The files are the same for everybody and hold nothing.
  if (at !== -1) {
    const found = await asset(pathname.slice(at + assetFolder.length + 2))
    return found ?? new Response('Not found\n', { status: 404, headers: security })
  }
  await access.may(request, 'view')
  // Without the slash, the relative paths of the page would be those of its parent.
  const name = pathname.split('/').at(-1) ?? ''
  if (name !== '') return new Response(null, { status: 308, headers: { Location: `./${name}/` } })
  return page()
}

const json = (body: unknown) =>
  Response.json(body, { headers: { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } })

function toProblem(error: UketsukeError & { code: Parameters<typeof problem>[0]['code'] }): Response {
  const { status, headers, body } = problem(error)
  const allow = status === 405 && { Allow: 'GET, HEAD, POST' }
  return new Response(body as string, { status, headers: { ...headers, ...allow } })
}

/** How often `authorize` is asked again about an open page, in milliseconds. */
const recheckMs = 30_000

/** A page as server-sent events: `of` is the path and the query that would read it once. */
async function live(parts: DashboardParts, request: Request, query: URLSearchParams, changes: ChangeCounter) {
  const wanted = query.get('of') ?? ''
  if (!URL.canParse(wanted, 'http://dashboard/')) throw new UketsukeError('not-found')
  const of = new URL(wanted, 'http://dashboard/')
  const left = new AbortController()
  const signal = AbortSignal.any([left.signal, parts.service.draining])
  const { pathname, searchParams } = of
  // The first one decides whether there is a stream at all.
  let first: unknown = await read(parts, request, pathname.slice(1), searchParams)
  let allowedAt = parts.service.clock.now()
  const again = async () => {
    const data = first
    first = null
    if (data !== null) return data
    const now = parts.service.clock.now()
    if (now - allowedAt > recheckMs) {
      await parts.access.may(request, 'view')
      allowedAt = now
    }
    return readAllowed(parts, pathname.slice(1), searchParams)
  }
  const slows = !pathname.startsWith('/jobs/')
  const events = liveEvents({ read: again, changes, clock: parts.service.clock, signal, slows })
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // An error ends the stream; the page connects again and gets the problem.
      const next = await events.next().catch(() => ({ done: true, value: undefined }) as const)
      if (next.done) controller.close()
      else controller.enqueue(encoder.encode(next.value))
    },
    cancel: () => left.abort(),
  })
  return new Response(body, {
    headers: {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      'X-Accel-Buffering': 'no',
    },
  })
}
