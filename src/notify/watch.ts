import { isTerminal, type Job } from '../domain/job.ts'
import { allOwners, type Owner } from '../store/port.ts'
import type { Signal } from './signal.ts'

/** One reader of one job. Latest wins: whoever is slow misses states, never the last one. */
export interface Follower {
  /** The newest state later than the one given before; undefined while there is none; null after the terminal state was given, or once closed. */
  take(): Job | null | undefined
  /** What `take()` gives, as soon as it gives something. One call at a time. */
  next(): Promise<Job | null>
  /** Called whenever `take()` may give something, by whoever has just committed it: it must not throw. `next()` makes use of it itself. */
  onNews: (() => void) | null
  close(): void
}

interface Topic {
  readonly id: string
  /** Null until the first read. */
  latest: Job | null
  readonly followers: Set<Follower>
  leave(follower: Follower): void
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
    const follower = new TopicFollower(topic, after)
    topic.followers.add(follower)
    // Subscribed before this read: what is committed from here on is heard, what was committed before it is read. A topic that
    // others follow has heard everything already.
    let mine = topic.latest !== null && (owner === allOwners || topic.latest.owner === owner)
    if (topic.latest === null) {
      const present = await this.#read(owner, id).catch((error: unknown) => {
        follower.close()
        throw error
      })
      if (present) this.#heard(present)
      mine = present !== null
    }
    if (mine) return follower
    follower.close()
    return null
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
    const present = this.#topics.get(id)
    if (present) return present
    const topic: Topic = { id, latest: null, followers: new Set(), leave: (one) => this.#leave(topic, one) }
    this.#topics.set(id, topic)
    return topic
  }

  #leave(topic: Topic, follower: Follower): void {
    topic.followers.delete(follower)
    if (topic.followers.size > 0) return
    if (this.#topics.get(topic.id) === topic) this.#topics.delete(topic.id)
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
    for (const follower of [...topic.followers]) follower.onNews?.()
  }
}

class TopicFollower implements Follower {
  onNews: (() => void) | null = null
  readonly #topic: Topic
  #given: number
  #closed = false

  constructor(topic: Topic, given: number) {
    this.#topic = topic
    this.#given = given
  }

  take(): Job | null | undefined {
    if (this.#closed) return null
    const { latest } = this.#topic
    if (latest === null) return undefined
    if (latest.version > this.#given) {
      this.#given = latest.version
      return latest
    }
    if (!isTerminal(latest)) return undefined
    this.close()
    return null
  }

  async next(): Promise<Job | null> {
    for (;;) {
      const job = this.take()
      if (job !== undefined) return job
      await new Promise<void>((resolve) => {
        this.onNews = resolve
      })
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#topic.leave(this)
    this.onNews?.()
  }
}
