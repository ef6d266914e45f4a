import type { Clock } from '../base/clock.ts'
import type { Job, Lease } from '../domain/job.ts'
import { isHeldBy } from '../domain/rules.ts'
import type { Rule, Transition } from '../store/transition.ts'

/** Why a handler's signal aborted. */
export type AbortReason = 'cancelled' | 'timeout' | 'lease-lost' | 'shutdown'

/**
 * One attempt that this worker holds. All writes about the job go through `write`, in order, and only while the lease is valid: a worker
 * that was considered dead writes nothing.
 */
export class HeldJob {
  readonly lease: Lease
  readonly #transition: Transition
  readonly #clock: Clock
  #job: Job
  #last: Promise<unknown> = Promise.resolve()
  #reason: AbortReason | null = null
  #error: DOMException | null = null
  /** Created on first use: most handlers never use their signal. */
  #controller: AbortController | null = null
  #listener: ((reason: AbortReason, error: DOMException) => void) | null = null
  #leaving = false
  /** Those who wait for what others do to this job. Created on first use: few handlers ask. */
  #watchers: Set<() => void> | null = null
  /** When the lease was last known to be valid, by this process's clock: the time before it was requested. */
  confirmedAt: number
  /** Writes in progress and queued. */
  #writes = 0

  constructor(job: Job, transition: Transition, clock: Clock, confirmedAt = clock.now()) {
    this.#job = job
    this.#transition = transition
    this.#clock = clock
    this.confirmedAt = confirmedAt
    this.lease = { id: job.id, attempt: job.attempt, worker: job.worker ?? '' }
  }

  get job(): Job {
    return this.#job
  }
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#error) this.#controller.abort(this.#error)
    return this.#controller.signal
  }
  get reason(): AbortReason | null {
    return this.#reason
  }

  /** The worker is stopping: an outcome that cannot be stored now is not retried. */
  get leaving(): boolean {
    return this.#leaving
  }

  /** Returns the job as stored, or null if the rule does not apply or the lease is lost. */
  write(rule: Rule): Promise<Job | null> {
    const mine = () => this.#write(rule)
    // A failed write must not fail the writes behind it. Its own caller gets the error.
    const write = this.#writes++ === 0 ? mine() : this.#last.then(mine, mine)
    this.#last = write
    return write
  }

  async #write(rule: Rule): Promise<Job | null> {
    try {
      if (this.#reason === 'lease-lost') return null
      let held = true
      const still: Rule = (job) => {
        held = isHeldBy(this.lease, job)
        return held ? rule(job) : null
      }
      const before = this.#job.version
      const after = await this.#transition(this.#job, still, this.#clock.now)
      if (after) {
        this.#job = after
        if (after.version > before + 1) this.#tellWatchers()
      } else if (!held) this.abort('lease-lost')
      return after
    } finally {
      this.#writes--
    }
  }

  /** Another process changed this job: cancellation was requested, or the lease is lost. */
  onChange(job: Job): void {
    if (job.version <= this.#job.version) return
    if (isHeldBy(this.lease, job)) {
      this.#job = job
      this.#tellWatchers()
      if (job.cancelRequestedAt !== null) this.abort('cancelled')
    } else if (this.#writes === 0) {
      // During a write the change may be that very write. If it is not, the write fails on the version and finds out.
      this.abort('lease-lost')
    }
  }

  /** Calls `watcher` after each change of this job by others. The returned function ends that. A hint: it may be missed. */
  onForeignChange(watcher: () => void): () => void {
    this.#watchers ??= new Set()
    this.#watchers.add(watcher)
    return () => void this.#watchers?.delete(watcher)
  }

  #tellWatchers(): void {
    for (const watcher of [...(this.#watchers ?? [])]) watcher()
  }

  /** The first reason counts, except that a lost lease replaces it: then nothing may be written. */
  abort(reason: AbortReason): void {
    if (reason === 'shutdown') this.#leaving = true
    if (reason === 'lease-lost') this.#reason = reason
    this.#reason ??= reason
    this.#error ??= new DOMException(messages[reason], reason === 'timeout' ? 'TimeoutError' : 'AbortError')
    this.#controller?.abort(this.#error)
    this.#listener?.(reason, this.#error)
  }

  /** Calls `listener` on every abort, and at once for an earlier one. */
  onAbort(listener: (reason: AbortReason, error: DOMException) => void): void {
    this.#listener = listener
    if (this.#reason && this.#error) listener(this.#reason, this.#error)
  }

  throwIfAborted(): void {
    if (this.#error) throw this.#error
  }
}

const messages: Record<AbortReason, string> = {
  cancelled: 'The job was cancelled.',
  timeout: 'The attempt timed out.',
  'lease-lost': 'This worker no longer holds the job: its lease expired.',
  shutdown: 'The worker is shutting down; the job will run again elsewhere.',
}
