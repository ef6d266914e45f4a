import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { seal, unseal } from '../base/seal.ts'
import type { Subscriber } from '../domain/change.ts'
import { UketsukeError, type Violation } from '../domain/errors.ts'
import { allOwners } from '../store/owner.ts'
import type { RecordStore, StoredRecord } from '../store/records.ts'
import type { Destinations } from './destinations.ts'
import {
  afterAttempt,
  type Endpoint,
  type EndpointView,
  endpointView,
  parseEndpoint,
  type StoredEndpoint,
  type WebhookEventType,
  webhookEvents,
} from './endpoint.ts'

export interface EndpointRequest {
  /** Where webhooks go. The rules for webhook URLs apply. */
  url: unknown
  /** The events to send. Default: all. */
  events?: unknown
  /** For people, up to 200 characters. */
  description?: unknown
}

interface EndpointParts {
  records: RecordStore
  clock: Clock
  destinations: Destinations
  /** The keys under which secrets are encrypted, 32 bytes each. The first encrypts. */
  keys: readonly Buffer[]
  newId: () => string
  ready: () => Promise<void>
}

const kind = 'webhook-endpoint'
/** An owner's endpoints are read again after this time, in milliseconds, so a change takes effect soon in every process. */
const cacheMs = 2_000
const mostOwners = 10_000
const mostEndpoints = 20
/** How long the previous secret signs too after a rotation, in milliseconds. */
const rotationMs = 24 * 60 * 60_000

/** The registered webhook endpoints of all owners. */
export class Endpoints {
  readonly #parts: EndpointParts
  readonly #cache = new Map<string, { subscribers: readonly Subscriber[]; until: number }>()

  constructor(parts: EndpointParts) {
    this.#parts = parts
  }

  /** The secret is returned once. @throws `validation-error`, `webhook-url-forbidden` */
  async create(owner: string, request: EndpointRequest): Promise<EndpointView & { secret: string }> {
    const { records, clock, destinations, newId, ready } = this.#parts
    const { url, events, description } = validated(request)
    const refused = destinations.refuse(url)
    if (refused !== null) throw new UketsukeError('webhook-url-forbidden', refused)
    await ready()
    if ((await records.list(kind, owner, null, mostEndpoints)).length >= mostEndpoints)
      invalid([{ pointer: '', detail: `An owner can have at most ${mostEndpoints} webhook endpoints.` }])
    const id = newId()
    const { secret, sealed } = this.#newSecret(owner, id)
    const stored: StoredEndpoint = {
      url: url.href,
      events,
      description,
      createdAt: clock.now(),
      secrets: [{ sealed, until: null }],
      disabled: null,
      failing: null,
    }
    await records.update(kind, owner, id, () => JSON.stringify(stored))
    this.#cache.delete(owner)
    return { ...endpointView({ ...stored, id, owner }), secret }
  }

  async list(owner: string): Promise<EndpointView[]> {
    await this.#parts.ready()
    return (await this.#all(owner)).map(endpointView)
  }

  /** Those of all owners, up to `limit`, for operators. */
  async all(limit: number): Promise<(EndpointView & { owner: string })[]> {
    await this.#parts.ready()
    const records = await this.#parts.records.list(kind, allOwners, null, limit)
    return endpointsIn(records).map((one) => ({ ...endpointView(one), owner: one.owner }))
  }

  /** @throws `not-found` */
  async get(owner: string, id: string): Promise<EndpointView> {
    return endpointView((await this.find(owner, id)) ?? notFound())
  }

  /** @throws `not-found` */
  async remove(owner: string, id: string): Promise<void> {
    await this.#parts.ready()
    if (!(await this.#parts.records.remove(kind, owner, id))) notFound()
    this.#cache.delete(owner)
  }

  /** @throws `not-found` */
  disable(owner: string, id: string): Promise<EndpointView> {
    const at = this.#parts.clock.now()
    return this.#change(owner, id, (one) => ({ ...one, disabled: one.disabled ?? { reason: 'owner', at } }))
  }

  /** @throws `not-found` */
  enable(owner: string, id: string): Promise<EndpointView> {
    return this.#change(owner, id, (one) => ({ ...one, disabled: null, failing: null }))
  }

  /** Resolves with the new secret, once. The previous one signs too for 24 hours. @throws `not-found` */
  async rotateSecret(owner: string, id: string): Promise<EndpointView & { secret: string }> {
    const { secret, sealed } = this.#newSecret(owner, id)
    const until = this.#parts.clock.now() + rotationMs
    const view = await this.#change(owner, id, (one) => {
      const previous = one.secrets.slice(0, 1).map((old) => ({ ...old, until }))
      return { ...one, secrets: [{ sealed, until: null }, ...previous] }
    })
    return { ...view, secret }
  }

  /** For deliveries. Null if it has been removed. */
  async find(owner: string, id: string): Promise<Endpoint | null> {
    await this.#parts.ready()
    const record = await this.#parts.records.get(kind, owner, id)
    return record === null ? null : parseEndpoint(id, owner, record.value)
  }

  /** The secrets that sign now. @throws `store-unusable` if the encryption key has changed */
  secretsOf({ owner, id, secrets }: Endpoint): string[] {
    const now = this.#parts.clock.now()
    return secrets
      .filter(({ until }) => until === null || until > now)
      .map(({ sealed }) => {
        for (const key of this.#parts.keys) {
          const secret = unseal(key, sealed, `${owner}\0${id}`)
          if (secret !== null) return secret
        }
        throw new UketsukeError('store-unusable', 'A webhook secret was encrypted with another UKETSUKE_SECRET_KEY.')
      })
  }

  /** Records the outcome of an attempt. `gone`: the receiver responded with 410. */
  async attempted({ owner, id, ...known }: Endpoint, succeeded: boolean, gone: boolean): Promise<void> {
    const now = this.#parts.clock.now()
    // Nearly every attempt succeeds and changes nothing.
    if (afterAttempt(known, succeeded, gone, now) === null) return
    await this.#parts.records.update(kind, owner, id, (value) => {
      if (value === null) return null
      const { id: _, owner: __, ...stored } = parseEndpoint(id, owner, value)
      const after = afterAttempt(stored, succeeded, gone, now)
      return after === null ? null : JSON.stringify(after)
    })
    this.#cache.delete(owner)
  }

  /** The endpoints that get an owner's webhooks: at most two seconds old. A promise only if the store must be asked. */
  subscribers(owner: string): readonly Subscriber[] | Promise<readonly Subscriber[]> {
    const now = this.#parts.clock.now()
    const cached = this.#cache.get(owner)
    if (cached !== undefined && cached.until > now) return cached.subscribers
    return this.#all(owner).then((all) => {
      // A disabled endpoint still gets deliveries, which fail at once: they are its backlog.
      const subscribers = all.map(({ id, url, events }) => ({ id, url, events }))
      if (this.#cache.size >= mostOwners) this.#cache.clear()
      this.#cache.set(owner, { subscribers, until: now + cacheMs })
      return subscribers
    })
  }

  async #all(owner: string): Promise<Endpoint[]> {
    return endpointsIn(await this.#parts.records.list(kind, owner, null, mostEndpoints))
  }

  async #change(owner: string, id: string, by: (one: StoredEndpoint) => StoredEndpoint): Promise<EndpointView> {
    await this.#parts.ready()
    const value = await this.#parts.records.update(kind, owner, id, (stored) => {
      if (stored === null) return null
      const { id: _, owner: __, ...one } = parseEndpoint(id, owner, stored)
      return JSON.stringify(by(one))
    })
    this.#cache.delete(owner)
    return endpointView(parseEndpoint(id, owner, value ?? notFound()))
  }

  /** Bound to its endpoint, so that a copied row cannot make one owner's secret that of another. */
  #newSecret(owner: string, id: string): { secret: string; sealed: string } {
    const secret = `whsec_${randomBytes(32).toString('base64')}`
    return { secret, sealed: seal(this.#parts.keys[0]!, secret, `${owner}\0${id}`) }
  }
}

const endpointsIn = (records: readonly StoredRecord[]): Endpoint[] =>
  records.flatMap(({ id, owner, value }) => {
    try {
      return [parseEndpoint(id, owner, value)]
    } catch {
      // One damaged row must not keep the owner's jobs from ending.
      return []
    }
  })

/** The keys of `UKETSUKE_SECRET_KEY`: one or more, separated by commas, each the base64 of 32 bytes. Null for anything else. */
export function encryptionKeys(text: unknown): Buffer[] | null {
  if (typeof text !== 'string' || text.trim() === '') return null
  const keys = text.split(',').map((one) => Buffer.from(one.trim(), 'base64'))
  return keys.every((key) => key.length === 32) ? keys : null
}

function validated({ url, events = webhookEvents, description = null }: EndpointRequest) {
  const violations: Violation[] = []
  const at = (pointer: string, detail: string) => void violations.push({ pointer, detail })
  const parsed = typeof url === 'string' && url.length <= 2_048 && URL.canParse(url) ? new URL(url) : null
  if (parsed === null) at('/url', 'Must be an absolute http or https URL of at most 2,048 characters.')
  const known = (one: unknown): one is WebhookEventType => webhookEvents.includes(one as WebhookEventType)
  const isList = Array.isArray(events) && events.length > 0 && events.every(known)
  if (!isList) at('/events', `Must be an array of some of ${webhookEvents.join(', ')}.`)
  const isText = typeof description === 'string' && description.length <= 200
  if (description !== null && !isText) at('/description', 'Must be a text of at most 200 characters.')
  if (violations.length > 0 || parsed === null) invalid(violations)
  return {
    url: parsed,
    events: [...new Set(events as WebhookEventType[])],
    description: description as string | null,
  }
}

function invalid(errors: readonly Violation[]): never {
  throw new UketsukeError('validation-error', undefined, { errors })
}

function notFound(): never {
  throw new UketsukeError('not-found')
}
