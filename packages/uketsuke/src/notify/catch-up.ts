import type { Log } from '../base/log.ts'
import { coalesce } from '../base/wakeup.ts'
import type { Job } from '../domain/job.ts'
import type { KnownVersion, RemoteCommit, Store } from '../store/port.ts'
import type { Listener } from './change-feed.ts'

/** Those who listen in this process, and the one read at a time that tells them what others have committed. */
export class CatchUp {
  readonly #listeners = new Set<Listener>()
  readonly #store: Store
  readonly #log: Log
  /** What the next read is about: these versions or later ones, or everything that is listened for. */
  #news = new Map<string, number>()
  #all = false

  constructor(store: Store, log: Log) {
    this.#store = store
    this.#log = log
  }

  get size(): number {
    return this.#listeners.size
  }
  add(listener: Listener): void {
    this.#listeners.add(listener)
  }
  remove(listener: Listener): void {
    this.#listeners.delete(listener)
  }

  tell(job: Job): void {
    for (const listener of this.#listeners) listener.changed(job)
  }

  /** Reads whatever is newer than what is known here. */
  all(): void {
    this.#all = true
    this.#read()
  }

  /** Somebody says that these jobs are at these versions: read what is listened for and news. */
  heard(changed: readonly KnownVersion[]): void {
    if (this.#listeners.size === 0) return
    for (const one of changed) this.#note(one)
    this.#read()
  }

  #note({ id, version }: KnownVersion): void {
    this.#news.set(id, Math.max(version, this.#news.get(id) ?? 0))
  }

  /** What the store says of another process's commit. */
  readonly foreign = (commit?: RemoteCommit): void => {
    if (commit === undefined) this.all()
    else this.heard(commit.changed)
  }

  /** What is heard during a read makes another one follow, so none is overlooked. */
  readonly #read = coalesce(async () => {
    const [news, all] = [this.#news, this.#all]
    this.#news = new Map()
    this.#all = false
    const isNews = ({ id, version }: KnownVersion) => all || (news.get(id) ?? 0) > version
    try {
      const known = [...this.#listeners].flatMap((listener) => [...listener.known()].filter(isNews))
      if (known.length > 0) for (const job of await this.#store.newer(known)) this.tell(job)
    } catch (error) {
      for (const [id, version] of news) this.#note({ id, version })
      this.#all ||= all
      this.#log.warn({ err: error }, 'changes of other processes could not be read; the next commit tries again')
    }
  })
}
