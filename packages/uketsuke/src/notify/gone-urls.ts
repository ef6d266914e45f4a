import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { RecordStore } from '../store/records.ts'

const kind = 'gone-webhook-url'
/** How long no webhook is sent to a URL that responded with 410, in milliseconds. */
const goneMs = 30 * 24 * 60 * 60_000
/** What is known of a URL is read again after this time, in milliseconds. */
const cacheMs = 60_000
const mostCached = 10_000

/** The webhook URLs of jobs that responded with 410 Gone: their owners' later webhooks to them fail without a request. */
export class GoneUrls {
  readonly #records: RecordStore
  readonly #clock: Clock
  readonly #cache = new Map<string, { gone: boolean; until: number }>()

  constructor(records: RecordStore, clock: Clock) {
    this.#records = records
    this.#clock = clock
  }

  async has(owner: string, url: string): Promise<boolean> {
    const id = idOf(owner, url)
    const now = this.#clock.now()
    const cached = this.#cache.get(id)
    if (cached !== undefined && cached.until > now) return cached.gone
    const record = await this.#records.get(kind, owner, id)
    const gone = record !== null && Number(record.value) > now
    this.#remember(id, gone)
    return gone
  }

  async add(owner: string, url: string): Promise<void> {
    const id = idOf(owner, url)
    await this.#records.update(kind, owner, id, () => String(this.#clock.now() + goneMs))
    this.#remember(id, true)
  }

  /** An explicit redelivery tries the URL again. */
  async remove(owner: string, url: string): Promise<void> {
    const id = idOf(owner, url)
    await this.#records.remove(kind, owner, id)
    this.#remember(id, false)
  }

  #remember(id: string, gone: boolean): void {
    if (this.#cache.size >= mostCached) this.#cache.clear()
    this.#cache.set(id, { gone, until: this.#clock.now() + cacheMs })
  }
}

const idOf = (owner: string, url: string) => createHash('sha256').update(`${owner}\0${url}`).digest('base64url')
