import type { Clock } from '../base/clock.ts'

/** How many webhooks one process sends at once, to one origin and for one owner. */
const perOrigin = 5
const perOwner = 20
/** So many failures of one origin in a row open its circuit breaker, for this long at first; each further failure doubles it. */
const failures = 10
const breakMs = 30_000
const longestBreakMs = 300_000
/** How long a webhook waits for a slot in this process, where it would occupy a slot of the worker. Milliseconds. */
const patienceMs = 1_000
/** How long a webhook is postponed at most before it asks again, in milliseconds. */
const longestWaitMs = 60_000

/** The webhooks of one origin or one owner. */
interface Counter {
  /** When those under way began. */
  readonly active: Set<{ began: number }>
  /** Those that wait in this process. */
  readonly waiting: Set<() => void>
  /** Those that were postponed since, and may come back. */
  postponed: number
  /** How long a webhook took lately, in milliseconds. */
  lastMs: number
}

interface Breaker {
  failures: number
  openUntil: number
  breakMs: number
}

export interface DeliverySlot {
  /** `reached`: whether the origin answered, and not with a 5xx. */
  release(reached: boolean): void
}

/**
 * Keeps a slow or dead receiver from holding up the webhooks of others. A webhook that finds no slot waits for a moment where slots are
 * freed fast, and is postponed otherwise: waiting here, it would fill the slots of its worker. This knows its own process only.
 */
export class DeliveryLimits {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #counters = new Map<string, Counter>()
  readonly #breakers = new Map<string, Breaker>()

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  /** A slot, or for how many milliseconds to postpone the webhook. */
  async acquire(origin: string, owner: string): Promise<DeliverySlot | number> {
    const limits = [
      [`origin ${origin}`, perOrigin],
      [`owner ${owner}`, perOwner],
    ] as const
    const deadline = this.#clock.now() + patienceMs
    for (;;) {
      const now = this.#clock.now()
      const breaker = this.#breakers.get(origin)
      if (breaker !== undefined && breaker.openUntil > now) return this.#spread(breaker.openUntil - now)
      const full = limits.find(([key, limit]) => (this.#counters.get(key)?.active.size ?? 0) >= limit)
      if (full === undefined) {
        // After its time an open breaker lets one webhook through, and closes or opens again by how that goes.
        if (breaker !== undefined && breaker.failures >= failures) breaker.openUntil = now + breaker.breakMs
        return this.#enter(
          origin,
          limits.map(([key]) => key),
        )
      }
      const [key, limit] = full
      const counter = this.#counter(key)
      const took = Math.max(counter.lastMs, ...[...counter.active].map(({ began }) => now - began))
      const ahead = counter.waiting.size + counter.postponed + 1
      const wait = Math.min(longestWaitMs, (ahead / limit) * took)
      if (wait > patienceMs || now >= deadline) {
        counter.postponed++
        return this.#spread(wait)
      }
      await this.#freed(counter, deadline - now)
    }
  }

  #counter(key: string): Counter {
    const counter = this.#counters.get(key) ?? { active: new Set(), waiting: new Set(), postponed: 0, lastMs: 200 }
    this.#counters.set(key, counter)
    return counter
  }

  #freed({ waiting }: Counter, within: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        waiting.delete(done)
        resolve()
      }
      const cancel = this.#clock.after(within, done)
      waiting.add(done)
    })
  }

  #enter(origin: string, keys: readonly string[]): DeliverySlot {
    const began = this.#clock.now()
    const entries = keys.map((key) => ({ key, counter: this.#counter(key), one: { began } }))
    for (const { counter, one } of entries) {
      counter.active.add(one)
      counter.postponed = Math.max(0, counter.postponed - 1)
    }
    return {
      release: (reached) => {
        for (const { key, counter, one } of entries) {
          counter.active.delete(one)
          counter.lastMs = this.#clock.now() - began
          if (counter.active.size + counter.waiting.size === 0) this.#counters.delete(key)
          const [next] = counter.waiting
          next?.()
        }
        this.#judge(origin, reached)
      },
    }
  }

  #judge(origin: string, reached: boolean): void {
    if (reached) {
      this.#breakers.delete(origin)
      return
    }
    const breaker = this.#breakers.get(origin) ?? { failures: 0, openUntil: 0, breakMs }
    breaker.failures++
    if (breaker.failures > failures) breaker.breakMs = Math.min(breaker.breakMs * 2, longestBreakMs)
    if (breaker.failures >= failures) breaker.openUntil = this.#clock.now() + breaker.breakMs
    this.#breakers.set(origin, breaker)
    // Origins that fail and are never called again must not fill the memory.
    if (this.#breakers.size > 10_000) this.#breakers.delete(this.#breakers.keys().next().value ?? '')
  }

  /** So that postponed webhooks do not all come back at once. */
  #spread(ms: number): number {
    return Math.round(ms + 250 + 1_000 * this.#random())
  }
}
