import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Wakeup } from '../base/wakeup.ts'
import type { Job } from '../domain/job.ts'
import { admission, type KeyLimits, unlimited } from '../domain/limits.ts'
import type { AdmissionRule, LimitKey, Store } from '../store/port.ts'
import type { Dispatch } from './port.ts'

/** How often workers look for keys with room, in milliseconds, and where no job type of the process has limits. */
const sweepMs = 1_000
const rareSweepMs = 10_000
/** How many keys one commit is about at most. */
const batch = 100

interface Parts {
  store: Store
  dispatch: Dispatch
  clock: Clock
  log: Log
  /** The limits of the job types of this process. */
  limits: ReadonlyMap<string, KeyLimits | null>
}

/**
 * Lets parked jobs become ready where the limits of their keys have room. Whatever may make room marks the key in its own commit, and wakes
 * the admission of its process; a sweep of the workers finds the marks that a crash or another process left.
 */
export class Admission {
  readonly #parts: Parts
  readonly #waiting = new Map<string, LimitKey>()
  /** Tells the sweeps of this process when to look next. */
  readonly #sweeps = new Set<(at: number) => void>()
  #draining: Promise<void> | null = null
  #failing = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Announces jobs after the commit that made them pending. Those that are parked are admitted first. */
  announce(jobs: readonly Job[]): void {
    const ready = jobs.filter(({ parked }) => !parked)
    if (ready.length > 0) this.#parts.dispatch.announce(ready)
    if (ready.length < jobs.length) this.wake(jobs)
  }

  /** The keys of these jobs may have room. Returns at once and never throws. */
  wake(jobs: readonly Job[]): void {
    for (const { type, limitKey } of jobs) {
      if (limitKey !== null && this.#parts.limits.has(type)) this.#waiting.set(limitKey, { type, key: limitKey })
    }
    if (this.#waiting.size > 0) this.#draining ??= this.#drain()
  }

  /** Resolves when nothing is being admitted that this process was woken for. */
  async idle(): Promise<void> {
    await this.#draining
  }

  /** A worker has claimed these jobs: the starts of those with a rate are dated. */
  claimed(jobs: readonly Job[]): void {
    const rated = jobs.filter(({ type, limitKey }) => limitKey !== null && this.#parts.limits.get(type)?.rate != null)
    if (rated.length > 0) this.wake(rated)
  }

  /** Sweeps until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, limits } = this.#parts
    const types = [...limits.keys()]
    const every = [...limits.values()].some((one) => one !== null) ? sweepMs : rareSweepMs
    const wakeup = new Wakeup()
    let next = Number.POSITIVE_INFINITY
    const lookAt = (at: number) => {
      if (at >= next) return
      next = at
      wakeup.notify()
    }
    this.#sweeps.add(lookAt)
    signal.addEventListener('abort', wakeup.notify)
    // The limits of this process may differ from those of the last one.
    let marked = false
    while (!signal.aborted) {
      if (next <= clock.now()) next = Number.POSITIVE_INFINITY
      if (!marked) marked = (await this.#tried(() => store.markKeys(types).then(() => true))) === true
      const keys = (await this.#tried(() => store.keysWithRoom(types, batch))) ?? []
      // There may be more of them. A store that fails is asked again later.
      if (keys.length > 0 && (await this.#admit(keys))) continue
      const wait = Math.min(every, Math.max(1, next - clock.now()))
      const cancel = clock.after(wait, wakeup.notify)
      await wakeup.wait()
      cancel()
    }
    signal.removeEventListener('abort', wakeup.notify)
    this.#sweeps.delete(lookAt)
  }

  async #drain(): Promise<void> {
    // The keys of one turn of the event loop go together.
    await null
    while (this.#waiting.size > 0) {
      const keys = [...this.#waiting.values()].slice(0, batch)
      for (const { key } of keys) this.#waiting.delete(key)
      await this.#admit(keys)
    }
    this.#draining = null
  }

  async #admit(keys: readonly LimitKey[]): Promise<boolean> {
    const { store, dispatch } = this.#parts
    const jobs = await this.#tried(() => store.admit(keys, this.#rule))
    if (jobs !== null && jobs.length > 0) dispatch.announce(jobs)
    return jobs !== null
  }

  readonly #rule: AdmissionRule = (type, facts, now) => {
    const { room, after } = admission(this.#parts.limits.get(type) ?? unlimited, facts, now)
    return {
      room,
      after: (admitted) => {
        const step = after(admitted)
        if (step.again !== null) for (const lookAt of this.#sweeps) lookAt(step.again)
        return step
      },
    }
  }

  /** Null if the store fails: the marks are still there. */
  async #tried<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      const result = await work()
      this.#failing = false
      return result
    } catch (error) {
      if (!this.#failing) this.#parts.log.warn({ err: error }, 'admitting jobs within their limits failed; retrying')
      this.#failing = true
      return null
    }
  }
}
