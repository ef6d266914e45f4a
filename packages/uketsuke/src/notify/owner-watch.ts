import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import type { Store } from '../store/port.ts'
import type { ChangeFeed } from './change-feed.ts'
import { OwnerReader } from './owner-reader.ts'
import type { StateReader } from './watch.ts'

interface Known {
  readonly version: number
  readonly ended: boolean
}

/** One owner's jobs: the unfinished ones, and the newest. */
interface Topic {
  readonly owner: string
  readonly known: Map<string, Known>
  readonly readers: Set<OwnerReader>
  /** Resolves when `known` has the jobs that existed at the start. */
  readonly loaded: Promise<void>
}

/** New jobs of other processes are looked for this often, in milliseconds, while those processes commit. */
const lookMs = 1_000
/** And this often in any case, since a hint may be lost. */
const idleLookMs = 15_000
/** The number of unfinished jobs of an owner that are followed; the newest win. */
const mostJobs = 1_000
const pageSize = 100
/** A reader that resumes gets the jobs that ended this recently, in milliseconds. */
const recentMs = 5 * 60_000

/** Follows all jobs of an owner. Costs nothing while nobody does. */
export class OwnerWatch {
  readonly #changes: ChangeFeed
  readonly #store: Pick<Store, 'list' | 'get' | 'onForeignCommit'>
  readonly #clock: Clock
  readonly #log: Log
  readonly #topics = new Map<string, Topic>()
  #stop: (() => void) | null = null
  #cancelLook: (() => void) | null = null
  #foreign = false
  #lookedAt = 0

  constructor(changes: ChangeFeed, store: Pick<Store, 'list' | 'get' | 'onForeignCommit'>, clock: Clock, log: Log) {
    this.#changes = changes
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** Follows every change from now on. With `resume`, begins with the present states. */
  async follow(owner: string, resume: boolean): Promise<StateReader> {
    const topic = this.#topics.get(owner) ?? this.#open(owner)
    const reader = new OwnerReader(() => this.#leave(topic, reader))
    topic.readers.add(reader)
    try {
      await topic.loaded
      if (resume) for (const job of await this.#present(owner)) reader.push(job)
    } catch (error) {
      reader.close()
      throw error
    }
    return reader
  }

  /** This process has stored a new job. */
  accepted(job: Job): void {
    if (this.#topics.size > 0) this.#received(job)
  }

  #open(owner: string): Topic {
    const known = new Map<string, Known>()
    const topic: Topic = { owner, known, readers: new Set(), loaded: this.#load(owner, known) }
    // Every reader awaits it, and reports its error.
    topic.loaded.catch(() => {})
    this.#topics.set(owner, topic)
    if (this.#topics.size === 1) this.#start()
    return topic
  }

  async #load(owner: string, known: Map<string, Known>): Promise<void> {
    const pages = [
      await this.#store.list({ owner, status: ['pending', 'running'], limit: mostJobs }),
      await this.#store.list({ owner, limit: pageSize }),
    ]
    for (const job of pages.flat()) remember(known, job)
  }

  /** The unfinished jobs and those that ended a short time ago, oldest first. */
  async #present(owner: string): Promise<Job[]> {
    const unfinished = await this.#store.list({ owner, status: ['pending', 'running'], limit: mostJobs })
    const newest = await this.#store.list({ owner, limit: pageSize })
    const since = this.#clock.now() - recentMs
    const recent = newest.filter(({ completedAt }) => completedAt !== null && completedAt >= since)
    const ids = [...new Set([...unfinished, ...recent].map(({ id }) => id))].sort()
    return (await this.#store.get(owner, ids)).filter((job) => job !== null)
  }

  #start(): void {
    const offChanges = this.#changes.listen({ known: () => this.#known(), changed: (job) => this.#received(job) })
    const offForeign = this.#store.onForeignCommit(() => {
      this.#foreign = true
    })
    this.#stop = () => {
      offChanges()
      offForeign()
    }
    this.#lookedAt = this.#clock.now()
    this.#lookLater()
  }

  #leave(topic: Topic, reader: OwnerReader): void {
    topic.readers.delete(reader)
    if (topic.readers.size > 0) return
    if (this.#topics.get(topic.owner) === topic) this.#topics.delete(topic.owner)
    if (this.#topics.size > 0) return
    this.#stop?.()
    this.#cancelLook?.()
    this.#cancelLook = null
  }

  #lookLater(): void {
    this.#cancelLook = this.#clock.after(lookMs, () => void this.#lookIfNeeded(), { background: true })
  }

  async #lookIfNeeded(): Promise<void> {
    const now = this.#clock.now()
    if (this.#foreign || now - this.#lookedAt >= idleLookMs) {
      this.#foreign = false
      this.#lookedAt = now
      try {
        for (const topic of [...this.#topics.values()]) await this.#look(topic)
      } catch (error) {
        this.#foreign = true
        this.#log.warn({ err: error }, 'failed to look for new jobs of followed owners; retrying')
      }
    }
    // All readers may have left meanwhile, and others may have come.
    this.#cancelLook?.()
    if (this.#topics.size > 0) this.#lookLater()
  }

  /** Finds jobs that other processes have created, from the newest back to one that is known. */
  async #look({ owner, known }: Topic): Promise<void> {
    const newest = new Set<string>()
    for (let before: string | undefined, seen = 0; seen < mostJobs; seen += pageSize) {
      const page = await this.#store.list({ owner, limit: pageSize, before })
      for (const { id } of page) newest.add(id)
      const changed = page.filter(({ id, version }) => version > (known.get(id)?.version ?? 0)).map(({ id }) => id)
      // A page of a list has no outputs.
      for (const job of changed.length === 0 ? [] : await this.#store.get(owner, changed)) if (job) this.#received(job)
      if (changed.length < pageSize) break
      before = page.at(-1)?.id
    }
    for (const [id, { ended }] of known) if (ended && !newest.has(id)) known.delete(id)
  }

  *#known() {
    for (const { known } of this.#topics.values()) {
      for (const [id, { version, ended }] of known) if (!ended) yield { id, version }
    }
  }

  #received(job: Job): void {
    const topic = job.queue === 'jobs' ? this.#topics.get(job.owner) : undefined
    if (!topic || job.version <= (topic.known.get(job.id)?.version ?? 0)) return
    remember(topic.known, job)
    for (const reader of [...topic.readers]) reader.push(job)
  }
}

function remember(known: Map<string, Known>, job: Job): void {
  if (job.version > (known.get(job.id)?.version ?? 0))
    known.set(job.id, { version: job.version, ended: isTerminal(job) })
}
