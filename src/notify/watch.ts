import { isTerminal, type Job } from '../domain/job.ts'
import { everyone, type Owner } from '../store/port.ts'
import type { Signal } from './signal.ts'

/** One reader of one job. Latest wins: whoever is slow misses states, never the last one. */
export interface Follower {
  /** The newest state later than the one given before; null after the terminal state was given, or once closed. One call at a time. */
  next(): Promise<Job | null>
  close(): void
}

interface Topic {
  /** Null until the first read. */
  latest: Job | null
  readonly followers: Set<() => void>
}

type Read = (owner: Owner, id: string) => Promise<Job | null>

/** All that this process's readers follow: one topic a job, shared by its readers, so that a change is read and written out once. */
export class Watch {
  readonly #topics = new Map<string, Topic>()
  readonly #signal: Signal
  readonly #read: Read
  #deafen: (() => void) | null = null

  constructor(signal: Signal, read: Read) {
    this.#signal = signal
    this.#read = read
  }

  /** Follows a job from `after`, a version; null where it is absent or another owner's. */
  async follow(owner: Owner, id: string, after = 0): Promise<Follower | null> {
    const topic = this.#join(id)
    let given = after
    let closed = false
    let wake: (() => void) | null = null
    const stir = () => {
      wake?.()
      wake = null
    }
    topic.followers.add(stir)
    const close = () => {
      if (closed) return
      closed = true
      this.#leave(id, topic, stir)
      stir()
    }
    // Subscribed before this read: what is committed from here on is heard, what was committed before it is read. A topic that
    // others follow has heard everything already.
    let mine = topic.latest !== null && (owner === everyone || topic.latest.owner === owner)
    if (topic.latest === null) {
      const present = await this.#read(owner, id).catch((error: unknown) => {
        close()
        throw error
      })
      if (present) this.#heard(present)
      mine = present !== null
    }
    if (!mine) {
      close()
      return null
    }

    const next = async (): Promise<Job | null> => {
      for (;;) {
        if (closed) return null
        const { latest } = topic
        if (latest && latest.version > given) {
          given = latest.version
          return latest
        }
        if (latest && isTerminal(latest)) {
          close()
          return null
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    return { next, close }
  }

  /** How many jobs are followed now. */
  get size(): number {
    return this.#topics.size
  }

  #join(id: string): Topic {
    this.#deafen ??= this.#signal.listen({
      known: () => this.#known(),
      changed: (job) => this.#heard(job),
    })
    let topic = this.#topics.get(id)
    if (!topic) {
      topic = { latest: null, followers: new Set() }
      this.#topics.set(id, topic)
    }
    return topic
  }

  #leave(id: string, topic: Topic, stir: () => void): void {
    topic.followers.delete(stir)
    if (topic.followers.size > 0) return
    if (this.#topics.get(id) === topic) this.#topics.delete(id)
    if (this.#topics.size > 0) return
    this.#deafen?.()
    this.#deafen = null
  }

  /** A topic whose first read is under way knows nothing yet: that read may be older than the commit that is asked about. */
  *#known() {
    for (const [id, { latest }] of this.#topics) yield latest ?? { id, version: 0 }
  }

  #heard(job: Job): void {
    const topic = this.#topics.get(job.id)
    if (!topic || (topic.latest && job.version <= topic.latest.version)) return
    topic.latest = job
    for (const stir of [...topic.followers]) stir()
  }
}
