import type { Job } from '../domain/job.ts'
import type { Follower, StateReader } from './watch.ts'

/** Follows many jobs as one: yields the newest state of each that has changed, in the order of the changes. Ends after the last job. */
export class MergedFollower implements StateReader {
  onChange: (() => void) | null = null
  readonly #following: Set<Follower>
  /** Those that may have a result. */
  readonly #changed: Set<Follower>
  #taking = false

  constructor(followers: Iterable<Follower>) {
    this.#following = new Set(followers)
    this.#changed = new Set(this.#following)
    for (const follower of this.#following) {
      follower.onChange = () => {
        this.#changed.add(follower)
        // A follower that ends during `take()` calls this too.
        if (!this.#taking) this.onChange?.()
      }
    }
  }

  take(): Job | null | undefined {
    this.#taking = true
    try {
      return this.#take()
    } finally {
      this.#taking = false
    }
  }

  #take(): Job | null | undefined {
    for (const follower of this.#changed) {
      const job = follower.take()
      this.#changed.delete(follower)
      if (job === null) this.#following.delete(follower)
      // It may have more. The others come first.
      else if (job !== undefined) {
        this.#changed.add(follower)
        return job
      }
    }
    return this.#following.size === 0 ? null : undefined
  }

  close(): void {
    const all = [...this.#following]
    this.#following.clear()
    for (const follower of all) follower.close()
  }
}
