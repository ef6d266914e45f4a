import { isLosslessNumber, parse } from 'lossless-json'
import { encodeTime } from 'ulid'
import { performance } from '../base/timers.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkOwner, isJobId, isTypeName } from '../domain/identifiers.ts'
import { type Job, type JobStatus, jobStatuses, type Queue } from '../domain/job.ts'
import { allOwners, type Store } from '../store/port.ts'
import type { Hidden } from './hidden.ts'

/** What an operator looks for. */
export interface Filter {
  /** Default: the users' jobs. */
  readonly queue?: Queue | undefined
  readonly id?: string | undefined
  readonly status?: JobStatus | undefined
  readonly type?: string | undefined
  readonly owner?: string | undefined
  /** Created at this time or later, and before that one. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Values of the input or the metadata, as text. */
  readonly values: readonly { readonly path: readonly string[]; readonly value: string }[]
  readonly oldestFirst: boolean
}

const names = ['id', 'status', 'type', 'owner', 'from', 'to', 'sort']

/** Reads a filter from a query string without the parameters of its route. @throws `invalid-query` */
export function filterOf(query: URLSearchParams, hidden: Hidden, others: readonly string[] = []): Filter {
  const values: Filter['values'][number][] = []
  for (const [name, value] of query) {
    if (names.includes(name) || others.includes(name)) continue
    const path = name.split('.')
    must(path.length > 1 && ['input', 'metadata'].includes(path[0] ?? ''), `there is no filter ${JSON.stringify(name)}`)
    must(!hidden.covers(path), `${name} is hidden`)
    values.push({ path, value })
  }
  const get = (name: string) => query.get(name) || undefined
  const status = get('status') as JobStatus | undefined
  must(status === undefined || jobStatuses.includes(status), `status must be one of ${jobStatuses.join(', ')}`)
  const type = get('type')
  must(type === undefined || isTypeName(type), 'type must be the name of a job type')
  const owner = get('owner')
  if (owner !== undefined) checkOwner(owner)
  const sort = get('sort') ?? 'newest'
  must(sort === 'newest' || sort === 'oldest', 'sort must be newest or oldest')
  const times = { from: time(get('from')), to: time(get('to')) }
  return { id: get('id'), status, type, owner, ...times, values, oldestFirst: sort === 'oldest' }
}

function time(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  must(ms >= 0 && ms < 2 ** 48, 'from and to must be times such as 2026-01-31T09:00Z')
  return ms
}

export interface Page {
  readonly jobs: Job[]
  readonly next: string | null
  /** Whether the time was over before the page was full. */
  readonly timedOut: boolean
}

/** How many rows are examined at first; with inputs, they are read and parsed. Then twice as many, as long as that is fast. */
const atFirst = { rows: 500, inputs: 50 }
const fastMs = 8
const mostExamined = 8_000

/**
 * One page of the jobs that match, in bounded time: after `within` milliseconds it returns what it has, and the next page goes on from
 * there. So no search holds up the store, whatever is looked for.
 */
export async function search(
  store: Pick<Store, 'search' | 'get'>,
  filter: Filter,
  { cursor, limit, within }: { cursor: string | null; limit: number; within: number },
): Promise<Page> {
  if (filter.id !== undefined) return byId(store, filter)
  const until = performance.now() + within
  const { queue = 'jobs', oldestFirst, status, type, owner, values } = filter
  const range = rangeOf(filter)
  const inputs = values.length > 0
  const jobs: Job[] = []
  let examine = inputs ? atFirst.inputs : atFirst.rows
  for (let last = cursor; ; ) {
    const began = performance.now()
    const found = await store.search({
      ...{ queue, status, type, owner, oldestFirst, ...range, inputs, examine },
      ...(last !== null && { [oldestFirst ? 'above' : 'below']: last }),
      limit: inputs ? examine : limit - jobs.length,
    })
    for (const job of found.jobs) {
      if (!matches(job, values)) continue
      jobs.push(job)
      if (jobs.length === limit) return { jobs, next: job.id, timedOut: false }
    }
    last = found.last
    if (last === null) return { jobs, next: null, timedOut: false }
    const now = performance.now()
    if (now > until) return { jobs, next: last, timedOut: true }
    if (now - began < fastMs) examine = Math.min(mostExamined, examine * 2)
  }
}

async function byId(store: Pick<Store, 'get'>, { id = '', status, type, owner }: Filter): Promise<Page> {
  const [job] = isJobId(id) ? await store.get(allOwners, [id]) : []
  const fits =
    job &&
    (status ?? job.status) === job.status &&
    (type ?? job.type) === job.type &&
    (owner ?? job.owner) === job.owner
  return { jobs: fits ? [job] : [], next: null, timedOut: false }
}

/** Ids begin with the creation time. */
function rangeOf({ from, to }: Filter): { above?: string; below?: string } {
  return {
    ...(from !== undefined && { above: encodeTime(from) }),
    ...(to !== undefined && { below: encodeTime(to) }),
  }
}

/** Whether the input and the metadata have these values. */
export function matches(job: Pick<Job, 'input' | 'metadata'>, values: Filter['values']): boolean {
  return values.every(({ path: [part, ...path], value }) => {
    const text = part === 'input' ? job.input : job.metadata
    // Most do not have the text at all, and looking for it is much cheaper than parsing.
    if (text === null || !text.includes(JSON.stringify(value).slice(1, -1))) return false
    try {
      return textAt(parse(text), path) === value
    } catch {
      return false
    }
  })
}

function textAt(value: unknown, path: readonly string[]): string | null {
  let here = value
  for (const name of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, name)) return null
    here = (here as Record<string, unknown>)[name]
  }
  if (isLosslessNumber(here)) return here.value
  return typeof here === 'object' && here !== null ? null : String(here)
}

function must(fine: boolean, sentence: string): asserts fine {
  if (!fine) throw new UketsukeError('invalid-query', `Search: ${sentence}.`)
}
