import type { Job } from '../domain/job.ts'
import type { StateReader } from './watch.ts'

/** A reader this many jobs behind is closed: its client reconnects, and gets the present states. */
const mostWaiting = 2_000

/** One reader of all jobs of an owner, with the newest state of each job that it has not taken yet. */
export class OwnerReader implements StateReader {
  onChange: (() => void) | null = null
  readonly #waiting = new Map<string, Job>()
  readonly #left: () => void
  #closed = false

  constructor(left: () => void) {
    this.#left = left
  }

  push(job: Job): void {
    if ((this.#waiting.get(job.id)?.version ?? 0) >= job.version) return
    this.#waiting.set(job.id, job)
    if (this.#waiting.size > mostWaiting) this.close()
    this.onChange?.()
  }

  take(): Job | null | undefined {
    if (this.#closed) return null
    for (const [id, job] of this.#waiting) {
      this.#waiting.delete(id)
      return job
    }
    return undefined
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#waiting.clear()
    this.#left()
  }
}
