import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { allOwners, type Owner, type Store } from '../store/port.ts'
import type { ChangeFeed } from './change-feed.ts'

/** Where an event stream gets the states of one or more jobs. Latest wins: a slow reader skips states of a job, but never the last one. */
export interface StateReader<State = Job> {
  /** The next state; undefined if there is none yet; null at the end or after `close()`. */
  take(): State | null | undefined
  /** Called when `take()` may have a result, in the call stack of the commit: it must not throw. */
  onChange: (() => void) | null
  close(): void
}

/** Reads the states of one job. `take()` returns null after the terminal state or the deletion. */
export interface Follower extends StateReader {
  /** Resolves with the result of `take()` as soon as it is not undefined. One call at a time. Sets `onChange`. */
  next(): Promise<Job | null>
}

interface Topic {
  readonly id: string
  /** Null until the first read. */
  latest: Job | null
  /** No change was received since the last poll. */
  quiet: boolean
  /** The job has been deleted. */
  gone: boolean
  readonly followers: Set<Follower>
  leave(follower: Follower): void
}

type Read = Store['get']

/** What polling the followed jobs requires. */
export interface StreamCache {
  readonly clock: Clock
  readonly log: Log
  get: Store['get']
}

/** Deletions are not announced, so jobs without changes for this long are polled. Milliseconds. */
const pollMs = 15_000
const pollBatch = 500

/** The jobs that this process follows. The readers of a job share a topic, so that each change is read and serialized once. */
export class Watch {
  readonly #topics = new Map<string, Topic>()
  readonly #signal: ChangeFeed
  readonly #read: Read
  readonly #upkeep: StreamCache | null
  #cancelPoll: (() => void) | null = null
  #stopListening: (() => void) | null = null

  constructor(signal: ChangeFeed, read: Read, upkeep: StreamCache | null = null) {
    this.#signal = signal
    this.#read = read
    this.#upkeep = upkeep
  }

  /** Follows jobs from their present state. Leaves out those that do not exist or belong to another owner. */
  async followMany(owner: Owner, ids: readonly string[]): Promise<Follower[]> {
    const followers = ids.map((id) => this.#add(id, 0))
    // As below: subscribe before the read.
    try {
      const jobs = await this.#read(owner, ids)
      for (const job of jobs) if (job) this.#received(job)
      return followers.filter((follower, i) => jobs[i] || follower.close())
    } catch (error) {
      for (const follower of followers) follower.close()
      throw error
    }
  }

  /** Follows a job from version `after`. Null if the job does not exist or belongs to another owner. */
  async follow(owner: Owner, id: string, after = 0): Promise<Follower | null> {
    const follower = this.#add(id, after)
    const { topic } = follower
    // Subscribe before the read: later commits arrive through the subscription, and earlier ones are in the read. A topic with other
    // followers is already up to date.
    let mine = topic.latest !== null && (owner === allOwners || topic.latest.owner === owner)
    if (topic.latest === null) {
      const [present = null] = await this.#read(owner, [id]).catch((error: unknown) => {
        follower.close()
        throw error
      })
      if (present) this.#received(present)
      mine = present !== null
    }
    if (mine) return follower
    follower.close()
    return null
  }

  /** The number of followed jobs. */
  get size(): number {
    return this.#topics.size
  }

  #add(id: string, after: number): TopicFollower {
    const topic = this.#join(id)
    const follower = new TopicFollower(topic, after)
    topic.followers.add(follower)
    return follower
  }

  #join(id: string): Topic {
    this.#stopListening ??= this.#signal.listen({
      known: () => this.#known(),
      changed: (job) => this.#received(job),
    })
    this.#schedulePoll()
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
    this.#stopListening?.()
    this.#stopListening = null
    this.#cancelPoll?.()
    this.#cancelPoll = null
  }

  #schedulePoll(): void {
    this.#cancelPoll ??= this.#upkeep?.clock.after(pollMs, () => void this.#poll(), { background: true }) ?? null
  }

  /** Ends the followers of deleted jobs. Also picks up changes whose hint was lost. */
  async #poll(): Promise<void> {
    const quiet = [...this.#topics.values()].filter(({ quiet, latest }) => quiet && latest !== null)
    for (const topic of this.#topics.values()) topic.quiet = true
    try {
      for (let at = 0; at < quiet.length; at += pollBatch) {
        const topics = quiet.slice(at, at + pollBatch)
        const jobs = await this.#upkeep?.get(
          allOwners,
          topics.map(({ id }) => id),
        )
        for (const [i, topic] of topics.entries()) {
          const job = jobs?.[i]
          if (job) this.#received(job)
          else this.#deleted(topic)
        }
      }
    } catch (error) {
      this.#upkeep?.log.warn({ err: error }, 'failed to poll followed jobs; retrying')
    }
    this.#cancelPoll = null
    if (this.#topics.size > 0) this.#schedulePoll()
  }

  #deleted(topic: Topic): void {
    topic.gone = true
    // New followers of this id get null.
    if (this.#topics.get(topic.id) === topic) this.#topics.delete(topic.id)
    for (const follower of [...topic.followers]) follower.onChange?.()
  }

  /** A topic whose first read is in progress reports version 0: that read may be older than the commit in question. */
  *#known() {
    for (const [id, { latest }] of this.#topics) yield latest ?? { id, version: 0 }
  }

  #received(job: Job): void {
    const topic = this.#topics.get(job.id)
    if (!topic || (topic.latest && job.version <= topic.latest.version)) return
    topic.latest = job
    topic.quiet = false
    for (const follower of [...topic.followers]) follower.onChange?.()
  }
}

class TopicFollower implements Follower {
  onChange: (() => void) | null = null
  readonly topic: Topic
  #version: number
  #closed = false

  constructor(topic: Topic, version: number) {
    this.topic = topic
    this.#version = version
  }

  take(): Job | null | undefined {
    if (this.#closed) return null
    const { latest } = this.topic
    if (latest === null) return undefined
    if (latest.version > this.#version) {
      this.#version = latest.version
      return latest
    }
    if (!isTerminal(latest) && !this.topic.gone) return undefined
    this.close()
    return null
  }

  async next(): Promise<Job | null> {
    for (;;) {
      const job = this.take()
      if (job !== undefined) return job
      await new Promise<void>((resolve) => {
        this.onChange = resolve
      })
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.topic.leave(this)
    this.onChange?.()
  }
}
