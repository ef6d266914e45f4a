import { type Clock, sleep } from '../clock.ts'
import { isThenable, type Runnable } from '../define.ts'
import { catalogue, type Failure, UketsukeError } from '../domain/errors.ts'
import { fail, release, succeed } from '../domain/rules.ts'
import type { Log } from '../log.ts'
import type { Rule } from '../store/transition.ts'
import { Context } from './context.ts'
import type { HeldJob } from './lease.ts'
import { failureOf, serialise } from './outcome.ts'
import { describe } from './thrown.ts'

/** A handler that was asked to stop may take this long to do so tidily; then the job ends without it. Milliseconds. */
const cancelGrace = 5_000

/**
 * Runs one attempt: parse → run → serialise → settle. Never rejects: whatever happens becomes the attempt's outcome. `done` is called
 * once the handler has ended, when its outcome is still to be stored: that wait need not keep another job from beginning.
 */
export async function execute(
  held: HeldJob,
  type: Runnable,
  { clock, log }: { clock: Clock; log: Log },
  done: () => void,
): Promise<void> {
  const context = new Context(held, clock, log)
  const interruption = new Interruption(held, type.timeout, clock)
  let settle: Rule | null
  try {
    const input = type.parse(held.job.input)
    context.input = isThenable(input) ? await input : input
    held.throwIfAborted()
    const output = serialise(await interruption.or(type.run(context, held.job)))
    settle = (job) => succeed(job, clock.now(), output)
  } catch (thrown) {
    settle = afterThrow(held, thrown, type, clock, context)
  } finally {
    context.end()
    interruption.clear()
    done()
  }
  if (settle) await persist(held, settle, clock, context)
}

/** Why the attempt ended decides how: a lost lease writes nothing, a shutdown gives the job back, the rest is a failure. */
function afterThrow(held: HeldJob, thrown: unknown, type: Runnable, clock: Clock, context: Context): Rule | null {
  const { reason } = held
  if (reason === 'lease-lost') return null
  if (reason === 'shutdown') return (job) => release(job, clock.now())
  const failure: Failure =
    reason === 'timeout' ? { code: 'timeout', message: catalogue.timeout, retryable: true } : failureOf(thrown)
  if (reason === null) context.log.warn({ err: describe(thrown), code: failure.code }, 'attempt failed')
  const wait = type.retryIn(held.lease.attempt, thrown)
  return (job) => fail(job, clock.now(), failure, clock.now() + wait)
}

/** The end of an attempt whether its handler ends or not: it may never settle. */
class Interruption {
  readonly #cancelTimer: () => void
  #cancelGrace: (() => void) | null = null
  #error: DOMException | null = null
  #reject: ((error: DOMException) => void) | null = null

  constructor(held: HeldJob, timeout: number, clock: Clock) {
    this.#cancelTimer = clock.after(timeout, () => held.abort('timeout'))
    held.onAbort((reason, error) => {
      // A harder reason that comes during the grace ends it.
      if (reason !== 'cancelled') this.#end(error)
      else this.#cancelGrace ??= clock.after(cancelGrace, () => this.#end(error))
    })
  }

  /** What the handler gives, unless the interruption is there first. */
  or(given: unknown): unknown {
    if (!isThenable(given)) return given
    return new Promise((resolve, reject) => {
      if (this.#error) return reject(this.#error)
      this.#reject = reject
      given.then(resolve, reject)
    })
  }

  clear(): void {
    this.#cancelTimer()
    this.#cancelGrace?.()
  }

  #end(error: DOMException): void {
    this.#error = error
    this.#reject?.(error)
  }
}

/** Work that is done must not be lost to a store that is down for a while: tries until it is stored or the lease is lost. */
async function persist(held: HeldJob, rule: Rule, clock: Clock, context: Context): Promise<void> {
  for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
    try {
      await held.write(rule)
      return
    } catch (error) {
      const passing = error instanceof UketsukeError && error.code === 'temporarily-unavailable'
      context.log.error(
        { err: error },
        passing ? 'the outcome could not be stored yet' : 'the outcome cannot be stored',
      )
      // The lease will run out and another worker will find the job.
      if (!passing || held.leaving) return
      await sleep(clock, wait)
    }
  }
}
