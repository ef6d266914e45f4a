import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { allOwners, type Owner, type Store } from '../store/port.ts'
import type { ChangeFeed } from './change-feed.ts'

/** One reader of one job. Latest wins: whoever is slow misses states, never the last one. */
export interface Follower {
  /** The newest state later than the one given before; undefined while there is none; null after the terminal state was given, once the job is gone, or once closed. */
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
  /** Nothing was heard since the last look. */
  quiet: boolean
  /** The job has been deleted. */
  gone: boolean
  readonly followers: Set<Follower>
  leave(follower: Follower): void
}

type Read = (owner: Owner, id: string) => Promise<Job | null>

/** With what the jobs that are followed are looked for from time to time. */
export interface StreamCache {
  readonly clock: Clock
  readonly log: Log
  get: Store['get']
}

/** Nobody tells that a job has been deleted: those of which nothing was heard for so long are looked for. Milliseconds. */
const lookEvery = 15_000
const lookAtOnce = 500

/** All that this process's readers follow: one topic a job, shared by its readers, so that a change is read and written out once. */
export class Watch {
  readonly #topics = new Map<string, Topic>()
  readonly #signal: ChangeFeed
  readonly #read: Read
  readonly #upkeep: StreamCache | null
  #cancelLook: (() => void) | null = null
  #deafen: (() => void) | null = null

  constructor(signal: ChangeFeed, read: Read, upkeep: StreamCache | null = null) {
    this.#signal = signal
    this.#read = read
    this.#upkeep = upkeep
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
    this.#lookLater()
    const present = this.#topics.get(id)
    if (present) return present
    const topic: Topic = {
      id,
      latest: null,
      quiet: false,
      gone: false,
      followers: new Set(),
      leave: (one) => this.#leave(topic, one),
    }
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
    this.#cancelLook?.()
    this.#cancelLook = null
  }

  #lookLater(): void {
    this.#cancelLook ??= this.#upkeep?.clock.after(lookEvery, () => void this.#look(), { background: true }) ?? null
  }

  /** Ends what follows jobs that are gone. A change that no hint told of is heard here as well. */
  async #look(): Promise<void> {
    const quiet = [...this.#topics.values()].filter(({ quiet, latest }) => quiet && latest !== null)
    for (const topic of this.#topics.values()) topic.quiet = true
    try {
      for (let at = 0; at < quiet.length; at += lookAtOnce) {
        const topics = quiet.slice(at, at + lookAtOnce)
        const jobs = await this.#upkeep?.get(
          allOwners,
          topics.map(({ id }) => id),
        )
        for (const [i, topic] of topics.entries()) {
          const job = jobs?.[i]
          if (job) this.#heard(job)
          else this.#lost(topic)
        }
      }
    } catch (error) {
      this.#upkeep?.log.warn({ err: error }, 'the jobs that are followed could not be looked for; it is tried again')
    }
    this.#cancelLook = null
    if (this.#topics.size > 0) this.#lookLater()
  }

  #lost(topic: Topic): void {
    topic.gone = true
    // Whoever asks for this id from now on is told that there is no such job.
    if (this.#topics.get(topic.id) === topic) this.#topics.delete(topic.id)
    for (const follower of [...topic.followers]) follower.onNews?.()
  }

  /** A topic whose first read is under way knows nothing yet: that read may be older than the commit that is asked about. */
  *#known() {
    for (const [id, { latest }] of this.#topics) yield latest ?? { id, version: 0 }
  }

  #heard(job: Job): void {
    const topic = this.#topics.get(job.id)
    if (!topic || (topic.latest && job.version <= topic.latest.version)) return
    topic.latest = job
    topic.quiet = false
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
    if (!isTerminal(latest) && !this.#topic.gone) return undefined
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
