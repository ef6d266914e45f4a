import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { plainText } from '../base/thrown.ts'
import { UketsukeError } from '../domain/errors.ts'
import { type LatestProgress, progress } from '../domain/rules.ts'
import { truncate } from '../domain/text.ts'
import type { HeldJob } from './lease.ts'

/** The minimum interval between stored progress updates of a job, in milliseconds. The latest update wins. */
const interval = 100

/** Turns any number of `progress()` calls into few writes: the first at once, then the latest of each interval. */
export class ProgressWriter {
  readonly #held: HeldJob
  readonly #clock: Clock
  readonly #log: Log
  #wanted: LatestProgress | null = null
  /** The write in progress. */
  #writing: LatestProgress | null = null
  #cancelTimer: (() => void) | null = null
  #busy = false
  #ended = false
  #warned = false
  #began = false
  /** The job types with a warning about fractions. */
  readonly #fractions: Set<string>

  constructor(held: HeldJob, clock: Clock, log: Log, fractions: Set<string>) {
    this.#held = held
    this.#clock = clock
    this.#log = log
    this.#fractions = fractions
  }

  /** The handler's `progress`. */
  readonly say = (percent: number, message?: string): void => {
    if (!(typeof percent === 'number' && percent >= 0 && percent <= 100)) {
      throw new UketsukeError(
        'invalid-progress',
        `progress() takes a number from 0 to 100, not ${truncate(plainText(percent))}.`,
      )
    }
    if (this.#ended) {
      // A stray timer of an ended attempt: throwing there would end the process. Logged once, or it would fill the log.
      if (!this.#warned) this.#log.warn({ percent }, 'progress() was called after its attempt had ended; ignored')
      this.#warned = true
      return
    }
    this.#wanted = { percent, message: message === undefined ? null : truncate(plainText(message)) }
    if (!this.#began && percent > 0) this.#first(percent)
    if (!this.#busy) void this.#write()
  }

  /** A progress that stays at 0 is most often given as a fraction. Logged once for each job type. */
  #first(percent: number): void {
    this.#began = true
    const { type } = this.#held.job
    if (percent >= 1 || this.#fractions.has(type)) return
    this.#fractions.add(type)
    this.#log.warn(
      { percent },
      'progress() takes percent, from 0 to 100: if this is a fraction of 1, multiply it by 100',
    )
  }

  /** Returns progress that may not be written yet, to store it with the outcome. */
  end(): LatestProgress | null {
    const last = this.#wanted ?? this.#writing
    this.#ended = true
    this.#wanted = null
    this.#cancelTimer?.()
    return last
  }

  async #write(): Promise<void> {
    const wanted = this.#wanted
    if (!wanted) return
    this.#wanted = null
    this.#writing = wanted
    this.#busy = true
    try {
      await this.#held.write((job) => progress(job, wanted.percent, wanted.message))
    } catch (error) {
      this.#log.warn({ err: error }, 'storing progress failed; the next update tries again')
    }
    this.#writing = null
    if (this.#ended) return
    this.#cancelTimer = this.#clock.after(interval, () => {
      this.#busy = false
      void this.#write()
    })
  }
}
