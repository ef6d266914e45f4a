import { performance } from '../../base/timers.ts'
import { rankAt } from '../../domain/job.ts'
import type { ClaimQuery } from '../port.ts'

/** Where a claim begins to read, for each priority, as a rank. */
export interface Front {
  readonly high: number
  readonly normal: number
}

export const fromStart: Front = { high: Number.MIN_SAFE_INTEGER, normal: Number.MIN_SAFE_INTEGER }

/** How often a claim reads from the start, in milliseconds, and how small a part of the time these claims may take. */
const interval = 25
const share = 0.05
/** A job may become visible so much later than it was due, in milliseconds, because its commit took time. */
const lateness = 1_000

interface Known extends Front {
  /** When a claim must read from the start again, as a `performance.now()` time. */
  readonly until: number
}

/**
 * What was claimed leaves dead entries at the start of the index until it is vacuumed, and longer while a snapshot is held, as by a backup.
 * A claim that finds as many jobs as it asked for lets the next one begin where it ended. What becomes due before that place is found by
 * claims that read from the start: now and then, and whenever one finds less.
 */
export class ClaimFronts {
  readonly #known = new Map<string, Known>()

  of(query: ClaimQuery): Front {
    const known = this.#known.get(keyOf(query))
    return known === undefined || performance.now() > known.until ? fromStart : known
  }

  /** A claim that began at `from` took until now since `began`. It found `last`, the highest ranks, at the database's time `now`. */
  found(
    query: ClaimQuery,
    from: Front,
    began: number,
    all: boolean,
    last: { high: number | null; normal: number | null; now: number },
  ): void {
    const key = keyOf(query)
    if (!all) return void this.#known.delete(key)
    const ended = performance.now()
    const until =
      from === fromStart ? ended + Math.max(interval, (ended - began) / share) : (this.#known.get(key)?.until ?? 0)
    // Nothing else of high priority was due.
    const high = last.high ?? Math.max(from.high, rankAt(last.now - lateness))
    this.#known.set(key, { high, normal: last.normal ?? from.normal, until })
  }
}

const keyOf = ({ queue, types }: ClaimQuery): string => JSON.stringify([queue, types])
