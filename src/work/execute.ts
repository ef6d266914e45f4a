import { type Clock, sleep } from '../clock.ts'
import type { Runnable } from '../define.ts'
import { catalogue, type Failure, UketsukeError } from '../domain/errors.ts'
import { fail, release, succeed } from '../domain/rules.ts'
import type { Log } from '../log.ts'
import type { Rule } from '../store/transition.ts'
import type { HeldJob } from './lease.ts'
import { failureOf, serialise } from './outcome.ts'
import { ProgressWriter } from './progress.ts'

/** A handler that was asked to stop may take this long to do so tidily; then the job ends without it. Milliseconds. */
const cancelGrace = 5_000

/** Runs one attempt: parse → run → serialise → settle. Never rejects: whatever happens becomes the attempt's outcome. */
export async function execute(held: HeldJob, type: Runnable, clock: Clock, log: Log): Promise<void> {
  const jobLog = log.child({ jobId: held.lease.id, type: held.job.type, attempt: held.lease.attempt })
  const progress = new ProgressWriter(held, clock, jobLog)
  const interruption = interrupted(held, type.timeout, clock)
  let settle: Rule | null
  try {
    const input = await type.parse(held.job.input)
    const { signal, job } = held
    signal.throwIfAborted()
    const context = { input, signal, log: jobLog, progress: progress.say, ...about(held) }
    const output = serialise(await Promise.race([type.run(context, job), interruption.promise]))
    settle = (job) => succeed(job, clock.now(), output)
  } catch (thrown) {
    settle = afterThrow(held, thrown, type, clock, jobLog)
  } finally {
    progress.end()
    interruption.clear()
  }
  if (settle) await persist(held, settle, clock, jobLog)
}

const about = ({ lease, job }: HeldJob) => ({ jobId: lease.id, owner: job.owner, attempt: lease.attempt })

/** Why the attempt ended decides how: a lost lease writes nothing, a shutdown gives the job back, the rest is a failure. */
function afterThrow(held: HeldJob, thrown: unknown, type: Runnable, clock: Clock, log: Log): Rule | null {
  const { reason } = held
  if (reason === 'lease-lost') return null
  if (reason === 'shutdown') return (job) => release(job, clock.now())
  const failure: Failure =
    reason === 'timeout' ? { code: 'timeout', message: catalogue.timeout, retryable: true } : failureOf(thrown)
  if (reason === null) log.warn({ err: thrown, code: failure.code }, 'attempt failed')
  const wait = type.retryIn(held.lease.attempt, thrown)
  return (job) => fail(job, clock.now(), failure, clock.now() + wait)
}

/** Rejects once the attempt must end whether its handler does or not: it may never settle. */
function interrupted(held: HeldJob, timeout: number, clock: Clock) {
  const cancelTimer = clock.after(timeout, () => held.abort('timeout'))
  let cancelGraceTimer: () => void = () => {}
  const promise = new Promise<never>((_, reject) => {
    const end = () => reject(held.signal.reason)
    const onAbort = () => {
      if (held.reason === 'cancelled') cancelGraceTimer = clock.after(cancelGrace, end)
      else end()
    }
    if (held.signal.aborted) onAbort()
    else held.signal.addEventListener('abort', onAbort)
  })
  // The race may be over when this rejects.
  promise.catch(() => {})
  return {
    promise,
    clear() {
      cancelTimer()
      cancelGraceTimer()
    },
  }
}

/** Work that is done must not be lost to a store that is down for a while: tries until it is stored or the lease is lost. */
async function persist(held: HeldJob, rule: Rule, clock: Clock, log: Log): Promise<void> {
  for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
    try {
      await held.write(rule)
      return
    } catch (error) {
      const passing = error instanceof UketsukeError && error.code === 'temporarily-unavailable'
      log.error({ err: error }, passing ? 'the outcome could not be stored yet' : 'the outcome cannot be stored')
      // The lease will run out and another worker will find the job.
      if (!passing || held.leaving) return
      await sleep(clock, wait)
    }
  }
}
