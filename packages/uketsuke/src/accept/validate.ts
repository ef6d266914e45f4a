import type { StandardSchemaV1 } from '@standard-schema/spec'
import { isThenable, text } from '../base/thrown.ts'
import type { JobType } from '../definition/define.ts'
import { pointer } from '../definition/pointer.ts'
import { UketsukeError, type Violation } from '../domain/errors.ts'
import type { NewJob, Priority } from '../domain/job.ts'
import { debouncedUntil } from '../domain/rules.ts'
import type { Destinations } from '../notify/destinations.ts'
import { keysOf } from './keys.ts'
import type { AcceptRequest } from './request.ts'

export interface Limits {
  /** The maximum size of a job's input as JSON, in bytes, from 1 to 256 MiB. Default: 1 MiB. */
  readonly inputBytes: number
  /** The maximum size of a job's output as JSON, in bytes, from 1 to 256 MiB. Default: 1 MiB. */
  readonly outputBytes: number
  /** The maximum size of a job's metadata as JSON, in bytes, from 1 to 256 MiB. Default: 16 KiB. */
  readonly metadataBytes: number
  /** The maximum size of one chunk of live output, in bytes, from 1 to 256 MiB. Default: 64 KiB. */
  readonly chunkBytes: number
  /** The maximum size of the live output of one run, in bytes, from 1 to 256 MiB. Default: 16 MiB. */
  readonly streamBytes: number
  /** How far in the future a job may be scheduled, in milliseconds, from 0 to 100 years. Default: 366 days. */
  readonly delay: number
  /**
   * How long it may take to decide whether a job is stored, in milliseconds, from 5,000 to one hour. After that, accepting fails with
   * `temporarily-unavailable`. Default: 10,000.
   */
  readonly acceptTimeout: number
}

export const defaultLimits: Limits = {
  inputBytes: 1 << 20,
  outputBytes: 1 << 20,
  metadataBytes: 16 << 10,
  chunkBytes: 64 << 10,
  streamBytes: 16 << 20,
  delay: 366 * 24 * 60 * 60_000,
  acceptTimeout: 10_000,
}

interface Checks {
  types: ReadonlyMap<string, JobType>
  destinations: Destinations
  limits: Limits
}

export interface ValidJob extends NewJob {
  readonly uniqueKey: string | undefined
}

/**
 * Validates a request and reports all violations at once. Returns a promise only if the schema does.
 * @throws `unknown-job-type`, `webhook-url-forbidden`, `validation-error` with a pointer for each violation
 */
export function validate(
  request: AcceptRequest,
  id: string,
  checks: Checks,
  now: number,
): ValidJob | Promise<ValidJob> {
  const type = typeof request.type === 'string' ? checks.types.get(request.type) : undefined
  if (request.type === undefined) invalid([{ pointer: '/type', detail: 'A job type is required.' }])
  if (!type) throw new UketsukeError('unknown-job-type', `Unknown job type ${shown(request.type)}.`)

  const violations: Violation[] = []
  const at = (pointer: string, detail: string) => void violations.push({ pointer, detail })
  const input = jsonText(request.input, '/input', checks.limits.inputBytes, at)
  const rest = (checked: StandardSchemaV1.Result<unknown>): ValidJob => {
    for (const issue of checked.issues ?? []) at(`/input${pointer(issue)}`, text(issue, 'message') || 'Invalid value.')
    const more = otherMembers(request, checks, now, at)
    if (type.debounce !== null) {
      if (request.delay != null || request.runAt != null)
        at(request.delay != null ? '/delay' : '/runAt', 'Jobs of this type run when no more requests follow.')
      more.runAt = debouncedUntil(now, now, type.debounce)
    }
    if (violations.length > 0 || input === null) invalid(violations)
    if (more.webhookUrl !== null) checkDestination(more.webhookUrl, checks)
    const { maxAttempts, retention: retainFor } = type
    const { owner, trace } = request
    const name = request.type as string
    const { uniqueKey, limitKey } = keysOf(type, { name, owner, input, parsed: (checked as { value?: unknown }).value })
    return { id, type: name, owner, input, ...more, trace, maxAttempts, retainFor, uniqueKey, limitKey }
  }
  if (input === null) return rest(unchecked)
  // Validate what the handler gets: the value after a JSON round trip.
  const checked = type.input['~standard'].validate(request.inputIsJson ? (request.input ?? null) : JSON.parse(input))
  return isThenable(checked) ? Promise.resolve(checked).then(rest) : rest(checked)
}

const unchecked = { value: undefined }

function otherMembers(request: AcceptRequest, checks: Checks, now: number, at: At) {
  const metadata = request.metadata == null ? null : metadataText(request.metadata, checks.limits.metadataBytes, at)
  const priority = priorityOf(request.priority, at)
  const runAt = request.delay == null && request.runAt == null ? now : runAtOf(request, checks.limits, now, at)
  const webhookUrl = request.webhookUrl == null ? null : urlOf(request.webhookUrl, at)
  return { metadata, priority, runAt, webhookUrl }
}

/** @throws `webhook-url-forbidden` */
function checkDestination(webhookUrl: string, { destinations }: Checks): void {
  const refused = destinations.refuse(new URL(webhookUrl))
  if (refused) throw new UketsukeError('webhook-url-forbidden', refused)
}

type At = (pointer: string, detail: string) => void

function invalid(errors: readonly Violation[]): never {
  throw new UketsukeError('validation-error', 'The request has invalid members.', { errors })
}

function jsonText(value: unknown, pointer: string, limit: number, at: At): string | null {
  let text: string | undefined
  try {
    text = JSON.stringify(value === undefined ? null : value)
  } catch {
    // Reported below, like a value that JSON cannot represent.
  }
  if (text === undefined) at(pointer, 'JSON cannot represent this value.')
  else if (Buffer.byteLength(text) > limit) at(pointer, `Must not exceed ${limit} bytes as JSON.`)
  else return text
  return null
}

function metadataText(value: unknown, limit: number, at: At): string | null {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return jsonText(value, '/metadata', limit, at)
  at('/metadata', 'Must be an object.')
  return null
}

function priorityOf(value: unknown, at: At): Priority {
  if (value === undefined || value === 'normal' || value === 'high') return value ?? 'normal'
  at('/priority', 'Must be "normal" or "high".')
  return 'normal'
}

function runAtOf({ delay, runAt }: AcceptRequest, limits: Limits, now: number, at: At): number {
  if (delay != null && runAt != null) at('/runAt', 'Set either delay or runAt, not both.')
  const field = delay != null ? '/delay' : '/runAt'
  const time = delay != null ? now + (typeof delay === 'number' ? delay : Number.NaN) : timeOf(runAt)
  if (Number.isNaN(time) || (delay != null && time < now)) {
    at(field, delay != null ? 'Must be a non-negative number of milliseconds.' : 'Must be an ISO 8601 date and time.')
  } else if (time > now + limits.delay) at(field, `Must not be more than ${limits.delay} milliseconds in the future.`)
  return Math.max(now, Math.ceil(time))
}

const isoTime = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** Rejects invalid dates, too: `Date.parse` turns February 31 into March 3. */
function timeOf(value: unknown): number {
  if (value instanceof Date) return value.getTime()
  const day = typeof value === 'string' ? isoTime.exec(value)?.[1] : undefined
  if (day === undefined || new Date(`${day}T00:00Z`).toJSON()?.slice(0, 10) !== day) return Number.NaN
  return Date.parse(value as string)
}

/** @throws `validation-error`, `webhook-url-forbidden` */
export function checkedUrl(value: unknown, pointer: string, checks: Checks): string {
  const violations: Violation[] = []
  const url = urlOf(value, (_, detail) => void violations.push({ pointer, detail }))
  if (url === null) invalid(violations)
  checkDestination(url, checks)
  return url
}

function urlOf(value: unknown, at: At): string | null {
  const url = typeof value === 'string' && value.length <= 2_048 && URL.canParse(value) ? new URL(value) : null
  if (!url || !/^https?:$/.test(url.protocol))
    at('/webhookUrl', 'Must be an absolute http or https URL of at most 2,048 characters.')
  else if (url.username || url.password) at('/webhookUrl', 'Must not contain a user name or password.')
  else return url.href
  return null
}

const shown = (value: unknown) => JSON.stringify(typeof value === 'string' ? value.slice(0, 100) : value)?.slice(0, 120)
