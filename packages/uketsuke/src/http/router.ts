import { UketsukeError } from '../domain/errors.ts'
import { isJobId } from '../domain/identifiers.ts'
import { below, normalizePath } from './base-path.ts'
import { accepts } from './headers.ts'
import type { HttpService } from './http-service.ts'
import { type Caller, type HttpOptions, identify } from './identity.ts'
import { pacedResponse } from './large-body.ts'
import { openapi } from './openapi/document.ts'
import { problem, toUketsukeError } from './problem.ts'
import { onlyKnown } from './query.ts'
import { type HttpRequest, logOf, where } from './request.ts'
import type { HttpResponse } from './response.ts'
import type { Route } from './route.ts'
import { batches } from './routes/batches.ts'
import { cancel } from './routes/cancel.ts'
import { create } from './routes/create.ts'
import { deliveries, redeliver } from './routes/deliveries.ts'
import { events } from './routes/events.ts'
import { files } from './routes/files.ts'
import { list } from './routes/list.ts'
import { output } from './routes/output.ts'
import { reference } from './routes/reference.ts'
import { remove } from './routes/remove.ts'
import { retry } from './routes/retry.ts'
import { status } from './routes/status.ts'
import { stream } from './routes/stream.ts'
import { ticket } from './routes/ticket.ts'
import { webhookEndpoints } from './routes/webhook-endpoints.ts'

export const routes: readonly Route[] = [
  create,
  list,
  openapi,
  ...reference,
  events,
  ...batches,
  status,
  stream,
  cancel,
  retry,
  remove,
  ticket,
  ...files,
  ...output,
  deliveries,
  redeliver,
  ...webhookEndpoints,
]

/** Handles a request to the jobs API below any of `service.prefixes`. Never rejects. */
export async function handleRequest(
  service: HttpService,
  options: HttpOptions,
  request: HttpRequest,
): Promise<HttpResponse> {
  const head = request.method === 'HEAD'
  let route: Route | null = null
  try {
    const found = find(service, request)
    route = found.route
    const response = await callRoute(service, options, request, found)
    return head ? { ...response, body: null } : pacedResponse(response, service.clock)
  } catch (thrown) {
    const error = toUketsukeError(thrown, logOf(service, request), where(request))
    const soft = route?.soften?.(request, error)
    if (soft) return soft
    const { status, headers, body } = problem(error)
    const allow = thrown instanceof NotAllowed && { Allow: thrown.allow }
    return { status, headers: { ...headers, ...allow }, body: head ? null : body }
  }
}

async function callRoute(
  service: HttpService,
  options: HttpOptions,
  request: HttpRequest,
  found: Found,
): Promise<HttpResponse> {
  const { route, jobId, itemId } = found
  const admitted = route.admit ? await route.admit(service, options, request.query, jobId, itemId) : null
  if (admitted !== null) await options.requests?.take(admitted.owner)
  const identified = admitted ?? (route.public ? nobody : identify(options, request, route.scope))
  const caller = identified instanceof Promise ? await identified : identified
  if (jobId !== '' && !isJobId(jobId)) throw new UketsukeError('job-not-found')
  if (route.query !== null) onlyKnown(request.query, route.query)
  if (route.produces !== null && !accepts(request.header('accept'), route.produces)) {
    throw new UketsukeError('not-acceptable', `The response is available only as ${route.produces}.`)
  }
  const { owner, canRead } = caller
  return route.handle({ service, options, request, caller, owner, canRead, jobId, itemId, routes })
}

/** The caller of a public route. */
const nobody: Caller = { owner: '', canRead: false }

interface Found {
  readonly route: Route
  /** Empty on routes without a job id. */
  readonly jobId: string
  /** Empty on routes without the id of something else. */
  readonly itemId: string
}

/** @throws `not-found`, `method-not-allowed` */
function find(service: HttpService, request: HttpRequest): Found {
  const { method } = request
  const rest = restOf(service, request, method) || '/'
  const { path, jobId, itemId } = templateOf(rest)
  const here = table.get(path)
  if (here === undefined) throw new UketsukeError('not-found')
  const route = here.find((one) => one.method === method || (method === 'HEAD' && readable(one)))
  if (route === undefined) throw new NotAllowed(here)
  return { route, jobId, itemId }
}

/** The path with the names of its parameters, and their values. A literal segment cannot be confused with a job id, which has 26 characters. */
function templateOf(rest: string): { path: string; jobId: string; itemId: string } {
  const end = rest.indexOf('/', 1)
  const first = rest.slice(1, end === -1 ? undefined : end)
  const more = end === -1 ? '' : rest.slice(end)
  if (first === 'docs') return { ...withItem('/docs', more, 'asset'), jobId: '' }
  if (first === 'batches') return { ...withItem('/batches', more, 'batchId'), jobId: '' }
  if (first === 'webhook-endpoints') return { ...withItem('/webhook-endpoints', more, 'endpointId'), jobId: '' }
  if (first === '' || first === 'openapi.json' || first === 'events') return { path: rest, jobId: '', itemId: '' }
  for (const [collection, name] of collections) {
    if (!more.startsWith(`${collection}/`)) continue
    return { ...withItem(`/{jobId}${collection}`, more.slice(collection.length), name), jobId: first }
  }
  return { path: `/{jobId}${more}`, jobId: first, itemId: '' }
}

/** What a job has several of, and the parameter that names one. */
const collections = [
  ['/deliveries', 'deliveryId'],
  ['/files', 'fileName'],
  ['/output', 'run'],
] as const

/** `more` is empty, or an id and what follows it. */
function withItem(before: string, more: string, name: string): { path: string; itemId: string } {
  if (more === '') return { path: before, itemId: '' }
  const end = more.indexOf('/', 1)
  const itemId = more.slice(1, end === -1 ? undefined : end)
  return { path: `${before}/{${name}}${end === -1 ? '' : more.slice(end)}`, itemId }
}

/** The path below the base path. @throws `not-found` */
function restOf(service: HttpService, request: HttpRequest, method: string): string {
  const path = normalizePath(request.path)
  const rest = below(service.prefixes, path) ?? below(service.prefixes, normalizePath(request.uncut ?? path))
  if (rest !== null) return rest
  // Health checks and browsers also GET `/`, so only a POST indicates a stripped base path.
  const looksStripped = isJobId(path.slice(1, 27)) || (path === '/' && method === 'POST')
  if (looksStripped && !service.warnedOfMissingBasePath) {
    service.warnedOfMissingBasePath = true
    service.log.warn(
      { basePath: service.prefixes[0] },
      'request path does not start with basePath: responded with 404; if a mount or a proxy strips the path, set publicUrl',
    )
  }
  throw new UketsukeError('not-found')
}

const table = new Map<string, Route[]>()
for (const route of routes) table.set(route.path, [...(table.get(route.path) ?? []), route])
const readable = (route: Route) => route.method === 'GET' && route.head !== false

class NotAllowed extends UketsukeError {
  readonly allow: string

  constructor(here: readonly Route[]) {
    super('method-not-allowed')
    this.allow = here.flatMap((route) => (readable(route) ? ['GET', 'HEAD'] : [route.method])).join(', ')
  }
}
