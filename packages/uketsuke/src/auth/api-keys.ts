import type { Clock } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkOwner } from '../domain/identifiers.ts'
import { scopes as allScopes, type Scope } from '../domain/scopes.ts'
import { isoOrNull, isoTime } from '../domain/view.ts'
import type { HttpOptions } from '../http/identity.ts'
import { allOwners, type Owner } from '../store/owner.ts'
import type { RecordStore } from '../store/records.ts'
import { hashOf, isApiKey, matches, newApiKey, parseApiKey } from './api-key.ts'

export interface ApiKeyOptions {
  /** The owner of the jobs that the key creates and sees. */
  owner: string
  /** What the key may do. Default: `jobs:create`, `jobs:read` and `jobs:cancel`. */
  scopes?: readonly Scope[]
  /** For people, up to 100 characters, such as the name of the program that uses the key. */
  name?: string
  /** When the key expires: a `Date` or an ISO 8601 string. Default: never. */
  expiresAt?: Date | string
}

/** An API key without its secret. Times are ISO 8601 in UTC. */
export interface ApiKeyView {
  id: string
  owner: string
  name: string | null
  scopes: Scope[]
  createdAt: string
  expiresAt: string | null
  revokedAt: string | null
}

/** The stored value. Times are in milliseconds since the epoch. */
interface StoredKey {
  readonly hash: string
  readonly name: string | null
  readonly scopes: Scope[]
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

interface KnownKey extends StoredKey {
  readonly owner: string
}

const kind = 'api-key'
/** A key is read again after this time, in milliseconds, so a revocation takes effect soon in every process. */
const cacheMs = 2_000
const mostCached = 10_000
const defaultScopes: readonly Scope[] = ['jobs:create', 'jobs:read', 'jobs:cancel']

/** API keys in the store. Of a secret, only the SHA-256 is stored. */
export class ApiKeys {
  readonly #records: RecordStore
  readonly #clock: Clock
  readonly #ready: () => Promise<void>
  readonly #cache = new Map<string, { key: KnownKey | null; until: number }>()

  /** `ready` resolves when the store is open. */
  constructor(records: RecordStore, clock: Clock, ready: () => Promise<void>) {
    this.#records = records
    this.#clock = clock
    this.#ready = ready
  }

  /** The `key` is returned once and cannot be read again. @throws `invalid-owner`, `invalid-configuration` */
  async create(options: ApiKeyOptions): Promise<ApiKeyView & { key: string }> {
    const { owner, name = null, scopes = defaultScopes } = options
    checkOwner(owner)
    const expiresAt = options.expiresAt === undefined ? null : new Date(options.expiresAt).getTime()
    const createdAt = this.#clock.now()
    if (Number.isNaN(expiresAt) || (expiresAt !== null && expiresAt <= createdAt))
      refuse('expiresAt must be a time in the future')
    if (scopes.length === 0 || !scopes.every((one) => allScopes.includes(one)))
      refuse(`scopes must be some of ${allScopes.join(', ')}`)
    if (name !== null && (typeof name !== 'string' || name.length > 100 || !/^\P{Cc}+$/u.test(name)))
      refuse('name must be 1 to 100 characters without control characters')
    await this.#ready()
    const { id, secret, key } = newApiKey()
    const stored: StoredKey = {
      hash: hashOf(secret),
      name,
      scopes: [...new Set(scopes)],
      createdAt,
      expiresAt,
      revokedAt: null,
    }
    await this.#records.update(kind, owner, id, () => JSON.stringify(stored))
    return { ...viewOf(id, { ...stored, owner }), key }
  }

  /** The keys of an owner, or of all with `allOwners`: expired and revoked ones included, in no particular order. */
  async list({ owner }: { owner: Owner }): Promise<ApiKeyView[]> {
    await this.#ready()
    const keys: ApiKeyView[] = []
    for (let last: string | null = null; ; ) {
      const page = await this.#records.list(kind, owner, last, 500)
      for (const record of page) keys.push(viewOf(record.id, { ...parse(record.value), owner: record.owner }))
      last = page.at(-1)?.id ?? null
      if (page.length < 500) return keys
    }
  }

  /** Takes effect within five seconds in every process, open streams included. Returns false if there is no such key. */
  async revoke(id: string): Promise<boolean> {
    await this.#ready()
    const record = await this.#records.get(kind, allOwners, id)
    if (record === null) return false
    await this.#records.update(kind, record.owner, id, (value) => {
      const key = value === null ? null : parse(value)
      return key === null ? null : JSON.stringify({ ...key, revokedAt: key.revokedAt ?? this.#clock.now() })
    })
    this.#cache.delete(id)
    return true
  }

  /** The caller of a key; null if the key is not valid, for whatever reason. */
  async authenticate(text: string): Promise<{ owner: string; scopes: readonly Scope[]; credential: string } | null> {
    const parts = parseApiKey(text)
    if (parts === null) return null
    const key = await this.#find(parts.id)
    const matching = matches(parts.secret, key?.hash ?? null)
    if (key === null || !matching || !this.#isLive(key)) return null
    return { owner: key.owner, scopes: key.scopes, credential: credentialOf(parts.id) }
  }

  /** Whether the key behind a `credential` has been revoked, removed or has expired. */
  async isRevoked(credential: string): Promise<boolean> {
    const key = await this.#find(credential.slice(credentialPrefix.length))
    return key === null || !this.#isLive(key)
  }

  #isLive({ revokedAt, expiresAt }: StoredKey): boolean {
    return revokedAt === null && (expiresAt === null || expiresAt > this.#clock.now())
  }

  async #find(id: string): Promise<KnownKey | null> {
    const now = this.#clock.now()
    const cached = this.#cache.get(id)
    if (cached !== undefined && cached.until > now) return cached.key
    await this.#ready()
    const record = await this.#records.get(kind, allOwners, id)
    const key = record === null ? null : { ...parse(record.value), owner: record.owner }
    // Unknown ids are cached too: guessing must not cost a read each.
    if (this.#cache.size >= mostCached) this.#cache.clear()
    this.#cache.set(id, { key, until: now + cacheMs })
    return key
  }
}

const credentialPrefix = 'api-key:'
const credentialOf = (id: string): string => credentialPrefix + id

/** Whether `credential` stands for an API key, and not for one of the program's own credentials. */
const isApiKeyCredential = (credential: string): boolean => credential.startsWith(credentialPrefix)

/** The API key in `Authorization: Bearer` or `X-API-Key`; null if there is none. Never from the URL, which ends up in logs. */
function apiKeyOf(headers: Pick<Headers, 'get'>): string | null {
  const [, bearer = ''] = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? []
  const given = bearer === '' ? (headers.get('x-api-key') ?? '') : bearer
  return isApiKey(given) ? given : null
}

/** A damaged record is a key that never matches. */
function parse(value: string): StoredKey {
  try {
    const key = JSON.parse(value) as StoredKey
    if (typeof key.hash === 'string' && Array.isArray(key.scopes)) return key
  } catch {
    // As below.
  }
  return { hash: '', name: null, scopes: [], createdAt: 0, expiresAt: null, revokedAt: 0 }
}

const viewOf = (id: string, key: KnownKey): ApiKeyView => ({
  id,
  owner: key.owner,
  name: key.name,
  scopes: key.scopes,
  createdAt: isoTime(key.createdAt),
  expiresAt: isoOrNull(key.expiresAt),
  revokedAt: isoOrNull(key.revokedAt),
})

function refuse(what: string): never {
  throw new UketsukeError('invalid-configuration', `apiKeys.create(): ${what}.`)
}

interface Authentication {
  authenticate?: HttpOptions['authenticate'] | undefined
  isRevoked?: HttpOptions['isRevoked']
}

/** Authenticates requests with an API key by `keys`, and all others as the program does, if it does. */
export function withApiKeys(keys: ApiKeys, { authenticate, isRevoked }: Authentication): Required<Authentication> {
  return {
    authenticate(request, native) {
      const key = apiKeyOf(request.headers)
      return key === null ? (authenticate?.(request, native) ?? null) : keys.authenticate(key)
    },
    isRevoked: (credential, owner) =>
      isApiKeyCredential(credential) ? keys.isRevoked(credential) : (isRevoked?.(credential, owner) ?? false),
  }
}
