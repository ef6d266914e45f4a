import type { Clock } from '../base/clock.ts'

/**
 * How many webhooks one process sends concurrently to one origin and for one owner. In a busy process a webhook takes a turn of the event
 * loop at least, which is milliseconds: five at a time would be slow, however fast the receiver is.
 */
const perOrigin = 5
const perFastOrigin = 20
const perOwner = 40
/** An origin is fast if its last webhook took less, in milliseconds. */
const fastMs = 100
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
  /** How many of them have been given a place that they have not taken yet. */
  waking: number
  /** The number of postponed webhooks that may come back. */
  postponed: number
  /** The duration of the last webhook, in milliseconds. */
  lastMs: number
}

const ofOrigin = 'origin '

function limitOf(key: string, counter: Counter | undefined): number {
  if (!key.startsWith(ofOrigin)) return perOwner
  return (counter?.lastMs ?? assumedMs) < fastMs ? perFastOrigin : perOrigin
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
    const keys = [`${ofOrigin}${origin}`, `owner ${owner}`]
    const deadline = this.#clock.now() + maxSlotWaitMs
    for (;;) {
      const now = this.#clock.now()
      const breaker = this.#breakers.get(origin)
      if (breaker !== undefined && breaker.openUntil > now) return this.#withJitter(breaker.openUntil - now)
      const key = keys.find((one) => this.#room(one) <= 0)
      if (key === undefined) {
        // Half-open: let one webhook through. Its outcome closes or reopens the breaker.
        if (breaker !== undefined && breaker.failures >= failures) breaker.openUntil = now + breaker.breakMs
        return this.#enter(origin, keys)
      }
      const counter = this.#counter(key)
      const took = Math.max(counter.lastMs, ...[...counter.active].map(({ began }) => now - began))
      const ahead = counter.waiting.size + counter.postponed + 1
      const wait = Math.min(longestWaitMs, (ahead / limitOf(key, counter)) * took)
      if (wait > maxSlotWaitMs || now >= deadline) {
        counter.postponed++
        return this.#withJitter(wait)
      }
      if (await this.#freed(counter, deadline - now)) counter.waking--
    }
  }

  /** How many more webhooks may begin. */
  #room(key: string): number {
    const counter = this.#counters.get(key)
    return limitOf(key, counter) - (counter === undefined ? 0 : counter.active.size + counter.waking)
  }

  #counter(key: string): Counter {
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    const counter: Counter = { active: new Set(), waiting: new Set(), waking: 0, postponed: 0, lastMs: assumedMs }
    this.#counters.set(key, counter)
    // From the one that has rested longest. Few are busy.
    for (const [other, { active, waiting, waking }] of this.#counters) {
      if (this.#counters.size <= remembered) break
      if (active.size + waiting.size + waking === 0 && other !== key) this.#counters.delete(other)
    }
    return counter
  }

  /** Resolves with false after `within` milliseconds. */
  #freed({ waiting }: Counter, within: number): Promise<boolean> {
    return new Promise((resolve) => {
      const given = () => {
        cancel()
        waiting.delete(given)
        resolve(true)
      }
      const cancel = this.#clock.after(within, () => {
        waiting.delete(given)
        resolve(false)
      })
      waiting.add(given)
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
          for (const next of [...counter.waiting].slice(0, Math.max(0, this.#room(key)))) {
            counter.waking++
            next()
          }
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
