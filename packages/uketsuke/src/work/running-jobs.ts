import type { HeldJob } from './lease.ts'

/** The map is replaced after this many removals. */
const turnover = 256

/**
 * The attempts that a worker holds, by job id. A long-lived Map with many insertions and deletions is costly in V8: it replaces its full
 * table and links the old one to the new one, so an old table in the old generation keeps all later tables and their entries alive until
 * the next full collection. Replacing the map first avoids that.
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
    // The same job may be here again, under a lease of its own.
    if (this.#held.get(held.lease.id) === held) this.#held.delete(held.lease.id)
    if (--this.#present === 0) for (const resolve of this.#waiting.splice(0)) resolve()
    if (++this.#departed < turnover) return
    this.#departed = 0
    const left = this.#held
    this.#held = new Map(left)
    left.clear()
  }

  /** Resolves when all attempts have ended, including earlier attempts of a job that is here again. */
  async empty(): Promise<void> {
    if (this.#present > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
