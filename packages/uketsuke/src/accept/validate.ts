import type { StandardSchemaV1 } from '@standard-schema/spec'
import { isThenable, member, plainText, text } from '../base/thrown.ts'
import type { JobType } from '../definition/define.ts'
import { UketsukeError, type Violation } from '../domain/errors.ts'
import type { NewJob, Priority } from '../domain/job.ts'
import type { Destinations } from '../notify/destinations.ts'
import type { AcceptRequest } from './request.ts'

export interface Limits {
  /** Of the input's JSON text, in bytes. */
  readonly inputBytes: number
  /** Of the metadata's JSON text, in bytes. */
  readonly metadataBytes: number
  /** How far in the future a job may lie, in milliseconds. */
  readonly delay: number
  /** How long accepting may take, in milliseconds, until it is decided whether the job is stored. */
  readonly acceptTimeout: number
}

export const defaultLimits: Limits = {
  inputBytes: 1 << 20,
  metadataBytes: 16 << 10,
  delay: 366 * 24 * 60 * 60_000,
  acceptTimeout: 10_000,
}

interface Checks {
  types: ReadonlyMap<string, JobType>
  destinations: Destinations
  limits: Limits
}

/**
 * Checks everything that was asked for and gives all that is wrong at once; a promise only where the schema gives one.
 * @throws `unknown-job-type`, `webhook-url-forbidden`, `validation-error` with a pointer for each violation
 */
export function validate(asked: AcceptRequest, id: string, checks: Checks, now: number): NewJob | Promise<NewJob> {
  const type = typeof asked.type === 'string' ? checks.types.get(asked.type) : undefined
  if (asked.type === undefined) invalid([{ pointer: '/type', detail: 'A job type is required.' }])
  if (!type) throw new UketsukeError('unknown-job-type', `There is no job type ${shown(asked.type)}.`)

  const wrong: Violation[] = []
  const at = (pointer: string, detail: string) => void wrong.push({ pointer, detail })
  const input = jsonText(asked.input, '/input', checks.limits.inputBytes, at)
  const rest = (checked: StandardSchemaV1.Result<unknown>): NewJob => {
    for (const issue of checked.issues ?? []) at(pointerTo(issue), text(issue, 'message') || 'It is not valid.')
    const more = others(asked, checks, now, at)
    if (wrong.length > 0 || input === null) invalid(wrong)
    if (more.webhookUrl !== null) allowed(more.webhookUrl, checks)
    const { maxAttempts, retention: retainFor } = type
    return { id, type: asked.type as string, owner: asked.owner, input, ...more, maxAttempts, retainFor }
  }
  if (input === null) return rest(unchecked)
  // The schema sees what JSON keeps, since that is what the handler will get.
  const checked = type.input['~standard'].validate(JSON.parse(input))
  return isThenable(checked) ? Promise.resolve(checked).then(rest) : rest(checked)
}

const unchecked = { value: undefined }

function others(asked: AcceptRequest, checks: Checks, now: number, at: At) {
  const metadata = asked.metadata == null ? null : metadataText(asked.metadata, checks.limits.metadataBytes, at)
  const priority = priorityOf(asked.priority, at)
  const runAt = asked.delay == null && asked.runAt == null ? now : runAtOf(asked, checks.limits, now, at)
  const webhookUrl = asked.webhookUrl == null ? null : urlOf(asked.webhookUrl, at)
  return { metadata, priority, runAt, webhookUrl }
}

/** @throws `webhook-url-forbidden` */
function allowed(webhookUrl: string, { destinations }: Checks): void {
  const refused = destinations.refuse(new URL(webhookUrl))
  if (refused) throw new UketsukeError('webhook-url-forbidden', refused)
}

type At = (pointer: string, detail: string) => void

function invalid(errors: readonly Violation[]): never {
  throw new UketsukeError('validation-error', 'The request has members that are not valid.', { errors })
}

/** An issue is made by somebody else's schema: whatever it is, a place comes of it. */
function pointerTo(issue: unknown): string {
  const path = member(issue, 'path')
  const parts: unknown[] = Array.isArray(path) ? path : []
  const keys = parts.map((part) => plainText(typeof part === 'object' ? member(part, 'key') : part))
  return ['/input', ...keys.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/')
}

function jsonText(value: unknown, pointer: string, limit: number, at: At): string | null {
  let text: string | undefined
  try {
    text = JSON.stringify(value === undefined ? null : value)
  } catch {
    // Reported below, as what JSON has no word for is.
  }
  if (text === undefined) at(pointer, 'JSON cannot hold this.')
  else if (Buffer.byteLength(text) > limit) at(pointer, `It has more than ${limit} bytes as JSON.`)
  else return text
  return null
}

function metadataText(value: unknown, limit: number, at: At): string | null {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return jsonText(value, '/metadata', limit, at)
  at('/metadata', 'It must be an object.')
  return null
}

function priorityOf(value: unknown, at: At): Priority {
  if (value === undefined || value === 'normal' || value === 'high') return value ?? 'normal'
  at('/priority', 'It must be "normal" or "high".')
  return 'normal'
}

function runAtOf({ delay, runAt }: AcceptRequest, limits: Limits, now: number, at: At): number {
  if (delay != null && runAt != null) at('/runAt', 'Give either delay or runAt, not both.')
  const field = delay != null ? '/delay' : '/runAt'
  const time = delay != null ? now + (typeof delay === 'number' ? delay : Number.NaN) : timeOf(runAt)
  if (Number.isNaN(time) || (delay != null && time < now)) {
    at(
      field,
      delay != null ? 'It must be a number of milliseconds from 0.' : 'It must be a date and time as ISO 8601 has it.',
    )
  } else if (time > now + limits.delay) at(field, `It lies more than ${limits.delay} milliseconds ahead.`)
  return Math.max(now, Math.ceil(time))
}

const isoTime = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** Date.parse takes the 31st of February for the 3rd of March; a client that asks for it is told. */
function timeOf(value: unknown): number {
  if (value instanceof Date) return value.getTime()
  const day = typeof value === 'string' ? isoTime.exec(value)?.[1] : undefined
  if (day === undefined || new Date(`${day}T00:00Z`).toJSON()?.slice(0, 10) !== day) return Number.NaN
  return Date.parse(value as string)
}

function urlOf(value: unknown, at: At): string | null {
  const url = typeof value === 'string' && value.length <= 2_048 && URL.canParse(value) ? new URL(value) : null
  if (!url || !/^https?:$/.test(url.protocol))
    at('/webhookUrl', 'It must be an absolute http or https URL of at most 2,048 characters.')
  else if (url.username || url.password) at('/webhookUrl', 'It must not carry a user name or password.')
  else return url.href
  return null
}

const shown = (value: unknown) => JSON.stringify(typeof value === 'string' ? value.slice(0, 100) : value)?.slice(0, 120)
