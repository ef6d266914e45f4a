import type { Subscriber } from '../domain/change.ts'
import { UketsukeError } from '../domain/errors.ts'
import { isoOrNull, isoTime } from '../domain/view.ts'

export const webhookEvents = ['job.completed', 'job.failed', 'job.cancelled'] as const
export type WebhookEventType = (typeof webhookEvents)[number]

/** A registered webhook endpoint, as its owner sees it. Times are ISO 8601 in UTC. */
export interface EndpointView {
  endpointId: string
  url: string
  events: WebhookEventType[]
  description: string | null
  createdAt: string
  /** Why and when no more webhooks are sent to it; null while it is enabled. */
  disabled: { reason: DisabledReason; at: string } | null
  /** Since when every webhook to it has failed, and how many attempts; null if the last one succeeded. */
  failing: { since: string; attempts: number } | null
}

/** `gone`: it responded with 410. `failing`: for 120 hours and at least 10 attempts. `owner`: its owner disabled it. */
export type DisabledReason = 'gone' | 'failing' | 'owner'

/** The stored value of an endpoint. Times are in milliseconds since the epoch. */
export interface StoredEndpoint {
  readonly url: string
  readonly events: WebhookEventType[]
  readonly description: string | null
  readonly createdAt: number
  /** The encrypted signing secrets, newest first. The older one signs too until `until`. */
  readonly secrets: readonly { readonly sealed: string; readonly until: number | null }[]
  readonly disabled: { readonly reason: DisabledReason; readonly at: number } | null
  readonly failing: { readonly since: number; readonly attempts: number } | null
}

export interface Endpoint extends StoredEndpoint, Subscriber {
  readonly id: string
  readonly owner: string
  readonly events: WebhookEventType[]
}

export function endpointView({ id, url, events, description, createdAt, disabled, failing }: Endpoint): EndpointView {
  return {
    endpointId: id,
    url,
    events,
    description,
    createdAt: isoTime(createdAt),
    disabled: disabled && { reason: disabled.reason, at: isoTime(disabled.at) },
    failing: failing && { since: isoOrNull(failing.since) ?? '', attempts: failing.attempts },
  }
}

const failingMs = 120 * 60 * 60_000
const failingAttempts = 10

/** The endpoint after an attempt, or null if nothing changes. `gone`: the receiver responded with 410. */
export function afterAttempt(
  endpoint: StoredEndpoint,
  succeeded: boolean,
  gone: boolean,
  now: number,
): StoredEndpoint | null {
  if (succeeded) return endpoint.failing === null ? null : { ...endpoint, failing: null }
  const { since, attempts } = endpoint.failing ?? { since: now, attempts: 0 }
  const failing = { since, attempts: attempts + 1 }
  const exhausted = now - since >= failingMs && failing.attempts >= failingAttempts
  const reason = gone ? 'gone' : exhausted ? 'failing' : null
  return { ...endpoint, failing, disabled: endpoint.disabled ?? (reason && { reason, at: now }) }
}

export function parseEndpoint(id: string, owner: string, value: string): Endpoint {
  try {
    const stored = JSON.parse(value) as StoredEndpoint
    if (typeof stored.url === 'string' && Array.isArray(stored.events)) return { ...stored, id, owner }
  } catch {
    // As below.
  }
  throw new UketsukeError('corrupt', `The stored webhook endpoint ${id} is damaged.`)
}
