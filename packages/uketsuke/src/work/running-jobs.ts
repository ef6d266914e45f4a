import type { HeldJob } from './lease.ts'

/** After so many departures the map is made anew. */
const turnover = 256

/**
 * The attempts that a worker holds, by job id. A Map that lives for long while its entries come and go costs V8 dearly: a table that its
 * deletions have filled gives way to a new one and points to it, so that one old table, once it has left the young generation, keeps alive
 * every later one with all that was ever in them, until the next full collection. So the map is left behind before its table is.
 */
export class RunningJobs {
  #held = new Map<string, HeldJob>()
  #present = 0
  #departed = 0
  #waiting: (() => void)[] = []

  add(held: HeldJob): void {
    this.#held.set(held.lease.id, held)
    this.#present++
  }

  /** The newest attempt of a job. */
  get(id: string): HeldJob | undefined {
    return this.#held.get(id)
  }

  all(): HeldJob[] {
    return [...this.#held.values()]
  }

  remove(held: HeldJob): void {
    // The same job may be here again already, under a lease of its own.
    if (this.#held.get(held.lease.id) === held) this.#held.delete(held.lease.id)
    if (--this.#present === 0) for (const resolve of this.#waiting.splice(0)) resolve()
    if (++this.#departed < turnover) return
    this.#departed = 0
    const left = this.#held
    this.#held = new Map(left)
    left.clear()
  }

  /** Resolves when nobody is left, those included whose job is here again. */
  async empty(): Promise<void> {
    if (this.#present > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
