import { QuotaExceeded } from '../../domain/quota.ts'

/** How many streams this process serves at once. */
export interface StreamQuota {
  readonly perOwner: number
  readonly perProcess: number
}

/** Counts the open streams. */
export class StreamLimits {
  readonly #quota: StreamQuota
  readonly #owners = new Map<string, number>()
  #all = 0

  constructor(quota: StreamQuota) {
    this.#quota = quota
  }

  /** Returns a function to call when the stream ends; more calls do nothing. @throws {QuotaExceeded} */
  open(owner: string): () => void {
    const { perOwner, perProcess } = this.#quota
    const mine = this.#owners.get(owner) ?? 0
    if (mine >= perOwner) throw exceeded('streams-per-owner', perOwner)
    if (this.#all >= perProcess) throw exceeded('streams-per-process', perProcess)
    this.#owners.set(owner, mine + 1)
    this.#all++
    let open = true
    return () => {
      if (open) this.#close(owner)
      open = false
    }
  }

  #close(owner: string): void {
    const mine = this.#owners.get(owner) ?? 0
    if (mine > 1) this.#owners.set(owner, mine - 1)
    else this.#owners.delete(owner)
    this.#all--
  }
}

const exceeded = (name: string, limit: number) =>
  new QuotaExceeded({ name, limit, window: 1, remaining: 0, reset: 5 }, 'Too many open streams.')
