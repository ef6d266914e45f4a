import { UketsukeError } from '../domain/errors.ts'
import { isJobId } from '../domain/identifiers.ts'
import { type JobStatus, jobStatuses } from '../domain/job.ts'

const invalid = (detail: string) => new UketsukeError('invalid-query', detail)

/** Rejects unknown parameters, so that a misspelled one is not ignored silently. @throws `invalid-query` */
export function onlyKnown(query: URLSearchParams, allowed: readonly string[]): void {
  if (query.size === 0) return
  for (const name of query.keys()) {
    if (allowed.includes(name)) continue
    const list = allowed.length === 0 ? 'none' : allowed.join(', ')
    throw invalid(`Unknown query parameter. Allowed: ${list}.`)
  }
}

/** @throws `invalid-query` if the parameter is repeated */
export function single(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name)
  if (values.length > 1) throw invalid(`Query parameter ${name} must not be repeated.`)
  return values[0] ?? null
}

/** @throws `invalid-query` */
export function withInput(query: URLSearchParams): boolean {
  const include = single(query, 'include')?.split(',') ?? []
  // The output is there in any case.
  if (include.some((one) => one !== 'input' && one !== 'output')) throw invalid('include must be input or output.')
  return include.includes('input')
}

/** Reads a repeated or comma-separated parameter. @throws `invalid-query` */
export function statusFilter(query: URLSearchParams): JobStatus[] | undefined {
  const values = query.getAll('status').flatMap((value) => value.split(','))
  if (values.length === 0) return undefined
  return [...new Set(values)].map((value) => {
    const status = jobStatuses.find((one) => one === value)
    if (status === undefined) throw invalid(`status must be one of ${jobStatuses.join(', ')}.`)
    return status
  })
}

export const pageSize = { least: 1, most: 100, usual: 20 } as const

/** @throws `invalid-query` */
export function limit(query: URLSearchParams): number {
  const text = single(query, 'limit')
  if (text === null) return pageSize.usual
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (value >= pageSize.least && value <= pageSize.most) return value
  throw invalid(`limit must be an integer from ${pageSize.least} to ${pageSize.most}.`)
}

/** Opaque, so that its content can change without breaking clients. */
export const cursorAfter = (id: string) => Buffer.from(`1:${id}`).toString('base64url')

/** The job id to continue from. @throws `invalid-query` */
export function cursor(query: URLSearchParams): string | undefined {
  const text = single(query, 'cursor')
  if (text === null) return undefined
  const [form, id = ''] = text.length > 100 ? [] : Buffer.from(text, 'base64url').toString('latin1').split(':', 2)
  if (form === '1' && isJobId(id) && cursorAfter(id) === text) return id
  throw invalid('Invalid cursor.')
}
