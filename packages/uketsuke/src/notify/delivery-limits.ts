import type { Clock } from '../base/clock.ts'

/** How many webhooks one process sends concurrently to one origin and for one owner. */
const perOrigin = 5
const perOwner = 20
/** After this many consecutive failures, the circuit breaker of an origin opens for `breakMs`. Each further failure doubles that time. */
const failures = 10
const breakMs = 30_000
const longestBreakMs = 300_000
/** How long a webhook waits in this process for a slot, in milliseconds. It occupies a slot of the worker meanwhile. */
const maxSlotWaitMs = 1_000
/** The longest time for which a webhook is postponed, in milliseconds. */
const longestWaitMs = 60_000
/** How long the webhooks of an unknown receiver are expected to take, in milliseconds: no more than half a worker of them waits. */
const assumedMs = 100
/** How many origins and owners are remembered, so that memory is bounded. */
const remembered = 10_000

/** The webhooks of one origin or owner. */
interface Counter {
  /** The webhooks in progress, with their start times. */
  readonly active: Set<{ began: number }>
  /** The webhooks that wait in this process. */
  readonly waiting: Set<() => void>
  /** The number of postponed webhooks that may come back. */
  postponed: number
  /** The duration of the last webhook, in milliseconds. */
  lastMs: number
}

interface Breaker {
  failures: number
  openUntil: number
  breakMs: number
}

export interface DeliverySlot {
  /** `reached`: false if the origin could not be reached or responded with a 5xx. */
  release(reached: boolean): void
}

/**
 * Keeps a slow or dead receiver from delaying the webhooks of others. A webhook without a free slot waits briefly if slots are released
 * fast, and is postponed otherwise, because a waiting webhook occupies a slot of its worker. The limits apply to each process separately.
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

  /** Resolves with a slot, or with the time in milliseconds for which to postpone the webhook. */
  async acquire(origin: string, owner: string): Promise<DeliverySlot | number> {
    const limits = [
      [`origin ${origin}`, perOrigin],
      [`owner ${owner}`, perOwner],
    ] as const
    const deadline = this.#clock.now() + maxSlotWaitMs
    for (;;) {
      const now = this.#clock.now()
      const breaker = this.#breakers.get(origin)
      if (breaker !== undefined && breaker.openUntil > now) return this.#withJitter(breaker.openUntil - now)
      const full = limits.find(([key, limit]) => (this.#counters.get(key)?.active.size ?? 0) >= limit)
      if (full === undefined) {
        // Half-open: let one webhook through. Its outcome closes or reopens the breaker.
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
      if (wait > maxSlotWaitMs || now >= deadline) {
        counter.postponed++
        return this.#withJitter(wait)
      }
      await this.#freed(counter, deadline - now)
    }
  }

  #counter(key: string): Counter {
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    const counter: Counter = { active: new Set(), waiting: new Set(), postponed: 0, lastMs: assumedMs }
    this.#counters.set(key, counter)
    // From the one that has rested longest. Few are busy.
    for (const [other, { active, waiting }] of this.#counters) {
      if (this.#counters.size <= remembered) break
      if (active.size + waiting.size === 0 && other !== key) this.#counters.delete(other)
    }
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
          if (counter.active.size + counter.waiting.size === 0) this.#rest(key, counter)
          const [next] = counter.waiting
          next?.()
        }
        this.#updateBreaker(origin, reached)
      },
    }
  }

  /** What is postponed may run elsewhere. How fast the receiver is stays known, for its next burst. */
  #rest(key: string, counter: Counter): void {
    counter.postponed = 0
    this.#counters.delete(key)
    this.#counters.set(key, counter)
  }

  #updateBreaker(origin: string, reached: boolean): void {
    if (reached) {
      this.#breakers.delete(origin)
      return
    }
    const breaker = this.#breakers.get(origin) ?? { failures: 0, openUntil: 0, breakMs }
    breaker.failures++
    if (breaker.failures > failures) breaker.breakMs = Math.min(breaker.breakMs * 2, longestBreakMs)
    if (breaker.failures >= failures) breaker.openUntil = this.#clock.now() + breaker.breakMs
    this.#breakers.set(origin, breaker)
    // Bound the memory for failing origins that are never called again.
    if (this.#breakers.size > remembered) this.#breakers.delete(this.#breakers.keys().next().value ?? '')
  }

  /** Adds jitter, so that postponed webhooks do not all come back at once. */
  #withJitter(ms: number): number {
    return Math.round(ms + 250 + 1_000 * this.#random())
  }
}
