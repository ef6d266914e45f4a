import type { Job } from '../domain/job.ts'
import type { Follower } from '../notify/watch.ts'
import type { OutputFeed } from './feed.ts'
import type { OutputPart, Start } from './reader.ts'

interface Parts {
  feed: OutputFeed
  /** Follows the job, from its present state. */
  follower: Follower
  job: Job
  read(job: Job, start: Start): Promise<OutputPart | null>
  signal: AbortSignal
}

/** Follows one stream. `next` resolves with what is new. */
export class OutputFollower {
  readonly #parts: Parts
  #job: Job
  #start: Start
  #quiet = 0

  constructor(parts: Parts, start: Start) {
    this.#parts = parts
    this.#job = parts.job
    this.#start = start
    parts.signal.addEventListener('abort', () => parts.follower.close())
    if (parts.signal.aborted) parts.follower.close()
    void this.#follow()
  }

  async #follow(): Promise<void> {
    const { follower, feed } = this.#parts
    try {
      for (let job = await follower.next(); job !== null; job = await follower.next()) {
        this.#job = job
        feed.wrote(job.id)
      }
    } catch {
      // The reader finds out what is wrong by itself.
    }
  }

  /** What is stored beyond the last read, even if that is nothing. */
  async read(): Promise<OutputPart | null> {
    const part = await this.#parts.read(this.#job, this.#start)
    if (part !== null) this.#start = part.next
    return part
  }

  /** Waits for something new, the end of the stream, or the signal; then as `read`. */
  async next(): Promise<OutputPart | null> {
    const { feed, signal } = this.#parts
    for (;;) {
      const part = await this.read()
      if (part === null || part.data.length > 0 || part.closed || signal.aborted) {
        this.#quiet = 0
        return part
      }
      await feed.wait(this.#job.id, this.#quiet++, signal)
    }
  }

  close(): void {
    this.#parts.follower.close()
  }
}
