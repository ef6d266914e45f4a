import type { Clock } from '../clock.ts'
import { UketsukeError } from '../domain/errors.ts'
import { progress } from '../domain/rules.ts'
import { tidy } from '../domain/text.ts'
import type { Log } from '../log.ts'
import type { HeldJob } from './lease.ts'

/** At most one stored progress in this many milliseconds a job; the latest wins. */
const interval = 100

/** Turns a handler's calls, however many, into few writes: the first at once, then the latest of each interval. */
export class ProgressWriter {
  readonly #held: HeldJob
  readonly #clock: Clock
  readonly #log: Log
  #wanted: { percent: number; message: string | null } | null = null
  #cancelTimer: (() => void) | null = null
  #busy = false
  #ended = false
  #warned = false

  constructor(held: HeldJob, clock: Clock, log: Log) {
    this.#held = held
    this.#clock = clock
    this.#log = log
  }

  /** What a handler gets as `progress`. */
  readonly say = (percent: number, message?: string): void => {
    if (!(typeof percent === 'number' && percent >= 0 && percent <= 100)) {
      throw new UketsukeError('invalid-progress', `progress() takes a number from 0 to 100, not ${String(percent)}.`)
    }
    if (this.#ended) {
      // A stray timer of an ended attempt: throwing there would take the process down. Said once, or it would fill the log.
      if (!this.#warned) this.#log.warn({ percent }, 'progress() was called after its attempt had ended; ignored')
      this.#warned = true
      return
    }
    this.#wanted = { percent, message: message === undefined ? null : tidy(message) }
    if (!this.#busy) void this.#write()
  }

  /** What was not written yet is dropped: the attempt's end says more. */
  end(): void {
    this.#ended = true
    this.#wanted = null
    this.#cancelTimer?.()
  }

  async #write(): Promise<void> {
    const wanted = this.#wanted
    if (!wanted) return
    this.#wanted = null
    this.#busy = true
    try {
      await this.#held.write((job) => progress(job, wanted.percent, wanted.message))
    } catch (error) {
      this.#log.warn({ err: error }, 'progress could not be stored; the next one tries again')
    }
    if (this.#ended) return
    this.#cancelTimer = this.#clock.after(interval, () => {
      this.#busy = false
      void this.#write()
    })
  }
}
