import { decodeTime } from 'ulid'
import { version } from '../base/version.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isJobId } from '../domain/identifiers.ts'
import { integerOption } from '../domain/numbers.ts'
import { readErrorGroups } from '../statistics/error-groups.ts'
import { count } from './bulk.ts'
import { jobPage } from './job-page.ts'
import { isRange, overview } from './overview.ts'
import type { DashboardParts } from './parts.ts'
import { rowOf } from './rows.ts'
import { schedules } from './schedules.ts'
import { filterOf, search } from './search.ts'
import { segmentsOf } from './segments.ts'
import { suggestions } from './suggestions.ts'
import { types } from './types.ts'
import { webhooks } from './webhooks.ts'
import type { ErrorsView, JobListView, SessionView } from './wire.ts'
import { workers } from './workers.ts'

/** A page of jobs is found within this time, in milliseconds, or goes on with the next request. */
const searchMs = 50

/** Reads what a page shows, if `authorize` allows it. @throws `not-found`, `forbidden`, `invalid-query` */
export async function read(
  parts: DashboardParts,
  request: Request,
  path: string,
  query: URLSearchParams,
): Promise<unknown> {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new UketsukeError('method-not-allowed')
  await parts.access.may(request, 'view')
  return readAllowed(parts, path, query)
}

/** @throws `not-found`, `invalid-query` */
export async function readAllowed(parts: DashboardParts, path: string, query: URLSearchParams): Promise<unknown> {
  const [name = '', id = '', ...more] = segmentsOf(path)
  if (more.length > 0) throw new UketsukeError('not-found')
  if (name === 'jobs' && id !== '') return id === 'count' ? counted(parts, query) : job(parts, id)
  if (id !== '' || !Object.hasOwn(pages, name)) throw new UketsukeError('not-found')
  return pages[name as keyof typeof pages](parts, query)
}

const pages = {
  session,
  overview: (parts: DashboardParts, query: URLSearchParams) => {
    const range = query.get('range') ?? 'hour'
    if (!isRange(range)) throw new UketsukeError('invalid-query', 'range must be hour, day or fortnight.')
    return overview(parts, range)
  },
  jobs,
  types,
  schedules,
  workers,
  webhooks,
  errors,
  suggestions,
  audit: async ({ audit, service }: DashboardParts) => ({ now: service.clock.now(), items: await audit.read(200) }),
}

const job = (parts: DashboardParts, id: string) => jobPage(parts.service, parts.hidden, id)

async function errors({ service, store }: DashboardParts): Promise<ErrorsView> {
  return { now: service.clock.now(), items: await readErrorGroups(store.records) }
}

async function session({ service, store, access }: DashboardParts): Promise<SessionView> {
  return {
    version: version(),
    engine: store.description.engine,
    readOnly: access.readOnly,
    api: service.base,
    types: [...service.types.keys()],
  }
}

async function jobs({ service, store, hidden }: DashboardParts, query: URLSearchParams): Promise<JobListView> {
  const filter = filterOf(query, hidden, ['cursor', 'limit'])
  const limit = limitOf(query.get('limit'))
  const cursor = query.get('cursor')
  if (cursor !== null && !isJobId(cursor))
    throw new UketsukeError('invalid-query', 'cursor must be the next of the previous page.')
  const page = await search(store, filter, { cursor, limit, within: searchMs })
  return {
    now: service.clock.now(),
    items: page.jobs.map(rowOf),
    next: page.next,
    searchedTo: page.timedOut && page.next !== null ? decodeTime(page.next) : null,
  }
}

/** @throws `invalid-query` */
function limitOf(text: string | null): number {
  try {
    return integerOption('limit', text === null ? undefined : Number(text), 50, { min: 1, max: 200 })
  } catch {
    throw new UketsukeError('invalid-query', 'limit must be an integer from 1 to 200.')
  }
}

const counted = (parts: DashboardParts, query: URLSearchParams) => count(parts, filterOf(query, parts.hidden))
