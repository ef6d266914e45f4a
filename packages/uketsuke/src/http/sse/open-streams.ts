import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { QuotaExceeded } from '../../domain/quota.ts'
import type { Caller, HttpOptions } from '../identity.ts'

/** How many streams this process serves at once. */
export interface StreamQuota {
  readonly perOwner: number
  readonly perProcess: number
}

/** The place of one stream among the open ones. */
export interface StreamPlace {
  /** Ends the stream. Set by the stream. */
  end: () => void
  /** Must be called when the stream has ended; more calls do nothing. */
  release(): void
}

interface Entry {
  readonly caller: Caller
  readonly place: StreamPlace
}

/** How often the credentials of open streams are checked, in milliseconds. */
const checkMs = 2_000

/** The open streams: counts them, and ends those whose credential expires or is revoked. */
export class OpenStreams {
  readonly #quota: StreamQuota
  readonly #clock: Clock
  readonly #log: Log
  readonly #isRevoked: HttpOptions['isRevoked']
  readonly #owners = new Map<string, number>()
  /** Only streams of a credential that can end. */
  readonly #checked = new Set<Entry>()
  #all = 0
  #checking = false

  constructor(quota: StreamQuota, isRevoked: HttpOptions['isRevoked'], { clock, log }: { clock: Clock; log: Log }) {
    this.#quota = quota
    this.#isRevoked = isRevoked
    this.#clock = clock
    this.#log = log
  }

  /** The number of open streams. */
  get count(): number {
    return this.#all
  }

  /** @throws {QuotaExceeded} */
  open(caller: Caller): StreamPlace {
    const { owner, expiresAt, credential } = caller
    const { perOwner, perProcess } = this.#quota
    const mine = this.#owners.get(owner) ?? 0
    if (mine >= perOwner) throw exceeded('streams-per-owner', perOwner)
    if (this.#all >= perProcess) throw exceeded('streams-per-process', perProcess)
    this.#owners.set(owner, mine + 1)
    this.#all++
    let open = true
    const release = () => {
      if (open) this.#close(entry)
      open = false
    }
    const entry: Entry = { caller, place: { end: () => {}, release } }
    if (expiresAt !== undefined || (credential !== undefined && this.#isRevoked !== undefined)) {
      this.#checked.add(entry)
      this.#checkLater()
    }
    return entry.place
  }

  #close(entry: Entry): void {
    const { owner } = entry.caller
    const mine = this.#owners.get(owner) ?? 0
    if (mine > 1) this.#owners.set(owner, mine - 1)
    else this.#owners.delete(owner)
    this.#all--
    this.#checked.delete(entry)
  }

  #checkLater(): void {
    if (this.#checking || this.#checked.size === 0) return
    this.#checking = true
    const check = () =>
      void this.#check().finally(() => {
        this.#checking = false
        this.#checkLater()
      })
    this.#clock.after(checkMs, check, { background: true })
  }

  async #check(): Promise<void> {
    const revoked = new Map<string, Promise<boolean>>()
    await Promise.all(
      [...this.#checked].map(async ({ caller, place }) => {
        const { owner, expiresAt, credential } = caller
        if (expiresAt !== undefined && expiresAt <= this.#clock.now()) return place.end()
        if (credential === undefined) return
        const known = revoked.get(credential) ?? this.#ask(credential, owner)
        revoked.set(credential, known)
        if (await known) place.end()
      }),
    )
  }

  /** A failed check ends no stream: the next one asks again. */
  async #ask(credential: string, owner: string): Promise<boolean> {
    try {
      return (await this.#isRevoked?.(credential, owner)) === true
    } catch (error) {
      this.#log.warn({ err: error }, 'failed to check whether the credentials of open streams are revoked')
      return false
    }
  }
}

const exceeded = (name: string, limit: number) =>
  new QuotaExceeded({ name, limit, window: 1, remaining: 0, reset: 5 }, 'Too many open streams.')
