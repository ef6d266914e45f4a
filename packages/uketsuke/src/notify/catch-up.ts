import type { Log } from '../base/log.ts'
import { coalesce } from '../base/wakeup.ts'
import type { Job } from '../domain/job.ts'
import type { KnownVersion, RemoteCommit, Store } from '../store/port.ts'
import type { Listener } from './change-feed.ts'

/** The listeners of this process. Reads what other processes committed, with one read at a time, and notifies the listeners. */
export class CatchUp {
  readonly #listeners = new Set<Listener>()
  readonly #store: Store
  readonly #log: Log
  /** What the next read checks: these versions or later, or with `#all` every job with a listener. */
  #pending = new Map<string, number>()
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

  notify(job: Job): void {
    for (const listener of this.#listeners) listener.changed(job)
  }

  /** Reads every followed job that has a newer version in the store. */
  all(): void {
    this.#all = true
    this.#read()
  }

  /** Handles the hint that these jobs have these versions: reads those that are followed and newer. */
  onHint(changed: readonly KnownVersion[]): void {
    if (this.#listeners.size === 0) return
    for (const one of changed) this.#note(one)
    this.#read()
  }

  #note({ id, version }: KnownVersion): void {
    this.#pending.set(id, Math.max(version, this.#pending.get(id) ?? 0))
  }

  /** Handles the store's notification of another process's commit. */
  readonly foreign = (commit?: RemoteCommit): void => {
    if (commit === undefined) this.all()
    else if (commit.states === undefined) this.onHint(commit.changed)
    else for (const job of commit.states) this.notify(job)
  }

  /** A hint that arrives during a read triggers another read, so none is missed. */
  readonly #read = coalesce(async () => {
    const [pending, all] = [this.#pending, this.#all]
    this.#pending = new Map()
    this.#all = false
    const isOutdated = ({ id, version }: KnownVersion) => all || (pending.get(id) ?? 0) > version
    try {
      const known = [...this.#listeners].flatMap((listener) => [...listener.known()].filter(isOutdated))
      if (known.length > 0) for (const job of await this.#store.newer(known)) this.notify(job)
    } catch (error) {
      for (const [id, version] of pending) this.#note({ id, version })
      this.#all ||= all
      this.#log.warn({ err: error }, 'failed to read changes of other processes; retrying after the next commit')
    }
  })
}
