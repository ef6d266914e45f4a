import type { Desk } from '../desk.ts'
import { UketsukeError } from '../domain/errors.ts'
import { where } from './accept.ts'
import type { HttpOptions, Route } from './call.ts'
import { cancel } from './cancel.ts'
import { create } from './create.ts'
import { accepts } from './headers.ts'
import { identify } from './identity.ts'
import { list } from './list.ts'
import { openapi } from './openapi.ts'
import { known, problem } from './problem.ts'
import { isJobId, onlyKnown } from './query.ts'
import { remove } from './remove.ts'
import { retry } from './retry.ts'
import { status } from './status.ts'
import { stream } from './stream.ts'
import { ticket } from './ticket.ts'

export const routes: readonly Route[] = [create, list, openapi, status, stream, cancel, retry, remove, ticket]

/** The jobs API as a function of a request, mounted at `desk.base`. It never rejects. */
export function createFetch(desk: Desk, options: HttpOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const head = request.method === 'HEAD'
    let found: Found | null = null
    try {
      const url = new URL(request.url)
      found = find(desk.base, url, request.method)
      const response = await answer(desk, options, request, url, found)
      return head ? bodiless(response) : response
    } catch (thrown) {
      const error = known(thrown, desk.log, where(request))
      const soft = found?.route.soften?.(request, found.query, error)
      if (soft) return soft
      const response = problem(error)
      if (thrown instanceof NotAllowed) response.headers.set('Allow', thrown.allow)
      return head ? bodiless(response) : response
    }
  }
}

async function answer(desk: Desk, options: HttpOptions, request: Request, url: URL, found: Found): Promise<Response> {
  const { route, jobId, query } = found
  const owner = (await route.admit?.(desk, url, jobId)) ?? (await identify(options, request, route.scope))
  if (jobId !== '' && !isJobId(jobId)) throw new UketsukeError('job-not-found')
  onlyKnown(query, route.query)
  if (route.produces !== null && !accepts(request.headers.get('accept'), route.produces)) {
    throw new UketsukeError('not-acceptable', `This answers with ${route.produces}.`)
  }
  return route.handle({ desk, options, request, owner, jobId, query, routes })
}

interface Found {
  readonly route: Route
  readonly jobId: string
  readonly query: URLSearchParams
}

/** @throws `not-found`, `method-not-allowed` */
function find(base: string, url: URL, method: string): Found {
  const rest = below(base, url.pathname)
  const [, first = '', second, ...more] = rest.split('/')
  const here = more.length > 0 ? [] : routes.filter(({ path }) => matches(path, first, second))
  if (here.length === 0) throw new UketsukeError('not-found')
  const route = here.find((one) => one.method === method || (method === 'HEAD' && readable(one)))
  if (route === undefined) throw new NotAllowed(here)
  return { route, jobId: route.path.startsWith('/{jobId}') ? first : '', query: url.searchParams }
}

function below(base: string, pathname: string): string {
  if (pathname === base) return '/'
  if (pathname.startsWith(`${base}/`)) return pathname.slice(base.length)
  throw new UketsukeError('not-found')
}

/** No literal below the base can be taken for a job id, which is 26 characters long, so the order of the routes is of no account. */
function matches(path: Route['path'], first: string, second: string | undefined): boolean {
  const [, one = '', two] = path.split('/')
  if (two !== second) return false
  return one === '{jobId}' ? first !== '' && !literals.includes(first) : one === first
}

const literals = ['openapi.json']
const readable = (route: Route) => route.method === 'GET' && route.head !== false

class NotAllowed extends UketsukeError {
  readonly allow: string

  constructor(here: readonly Route[]) {
    super('method-not-allowed')
    this.allow = here.flatMap((route) => (readable(route) ? ['GET', 'HEAD'] : [route.method])).join(', ')
  }
}

function bodiless(response: Response): Response {
  return new Response(null, response)
}
