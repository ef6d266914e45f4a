import type { Clock } from '../base/clock.ts'
import { type NewJob, type Priority, rankAt } from '../domain/job.ts'
import type { Front, Store } from '../store/port.ts'

/** How much of the work an owner gets, compared with others. Default: 1 for every owner. */
export type Weights = Readonly<Record<string, number>> | ((owner: string) => number)

/** How old the known fronts may be before they are read again, in milliseconds, and before every job waits for that. */
const freshMs = 250
const usableMs = 10_000
/** How long a job waits for the fronts, in milliseconds. */
const patienceMs = 100
/** A type whose front does not move for so long, in milliseconds, may have no worker: it says nothing about other types. */
const stuckMs = 60_000
/** Ranks begin this long before the time at which a job is accepted, in milliseconds: there is room for a million jobs of one owner. */
const lead = 1_000

interface Parts {
  store: Pick<Store, 'fronts'>
  clock: Clock
  weightOf(owner: string): number
}

/**
 * Serves owners fairly, whatever each has waiting: start-time fair queueing. A new job is ranked behind the owner's last one, by one
 * microsecond, but not before the front of what waits. So the jobs of two owners alternate, however many one has enqueued before the other;
 * and where nothing waits, the order is that of time. Each process spaces the jobs that it accepts.
 */
export class FairRanks {
  readonly #parts: Parts
  readonly #last: Readonly<Record<Priority, Map<string, number>>> = { high: new Map(), normal: new Map() }
  /** The fronts by priority and type, and since when they have not moved. */
  #fronts = new Map<string, Front & { since: number }>()
  #readAt = Number.NEGATIVE_INFINITY
  /** The owners whose jobs were ranked since. */
  #ranked = new Set<string>()
  #reading: Promise<void> | null = null
  /** Fractions of ranks are kept as differences to this one, where numbers are precise enough. */
  readonly #origin: number

  constructor(parts: Parts) {
    this.#parts = parts
    this.#origin = rankAt(parts.clock.now())
  }

  /**
   * To be awaited before the jobs of an owner get their ranks: reads the fronts if something waited, or if others have enqueued since. A job
   * that meets an idle system is not held up, and none for long by a store that does not answer.
   */
  ready(owner: string): Promise<void> | undefined {
    const age = this.#parts.clock.now() - this.#readAt
    if (age <= freshMs) return undefined
    const matters = age > usableMs || this.#fronts.size > 0 || this.#ranked.size > Number(this.#ranked.has(owner))
    return matters ? this.#refreshed() : undefined
  }

  async #refreshed(): Promise<void> {
    const { clock } = this.#parts
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(patienceMs, resolve)
    })
    await Promise.race([this.#refresh(), late])
    cancel()
  }

  /** Reads the fronts. Never rejects: without them, the order is that of time. */
  #refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  /** The rank of a new job; undefined if it is not due yet. */
  rank({ owner, type, priority = 'normal', runAt }: NewJob, now: number): number | undefined {
    if (runAt !== undefined && runAt > now) return undefined
    if (now - this.#readAt > freshMs) void this.#refresh()
    const last = this.#last[priority].get(owner)
    const front = this.#front(priority, type, now) - this.#origin
    const next = last === undefined ? front : Math.max(front, last + 1 / this.#parts.weightOf(owner))
    const rank = Math.min(next, rankAt(now) - this.#origin)
    this.#last[priority].set(owner, rank)
    this.#ranked.add(owner)
    return Math.floor(rank) + this.#origin
  }

  #front(priority: Priority, type: string, now: number): number {
    // It stands still until the next reading: owners that come one after the other begin at the same place.
    let front = rankAt(Math.max(this.#readAt, now - freshMs) - lead)
    for (const one of this.#fronts.values()) {
      if (one.priority !== priority || (one.type !== type && now - one.since > stuckMs)) continue
      front = Math.min(front, one.rank)
    }
    return front
  }

  async #read(): Promise<void> {
    const { store, clock } = this.#parts
    this.#ranked = new Set()
    const found = await store.fronts().catch(() => null)
    const now = clock.now()
    this.#readAt = now
    if (found === null) return
    const fronts = new Map<string, Front & { since: number }>()
    for (const one of found) {
      const key = `${one.priority} ${one.type}`
      const known = this.#fronts.get(key)
      fronts.set(key, { ...one, since: known?.rank === one.rank ? known.since : now })
    }
    this.#fronts = fronts
    this.#forget(now)
  }

  /** Forgets owners whose last job is no later than every front: they start there anyway. */
  #forget(now: number): void {
    for (const priority of ['high', 'normal'] as const) {
      const ranks = [...this.#fronts.values()].filter((one) => one.priority === priority).map(({ rank }) => rank)
      const front = Math.min(rankAt(now - lead), ...ranks) - this.#origin
      for (const [owner, last] of this.#last[priority]) if (last < front) this.#last[priority].delete(owner)
    }
  }
}
