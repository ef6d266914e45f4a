import type { Clock } from '../base/clock.ts'
import { describe, isA, text } from '../base/thrown.ts'
import type { Runnable } from '../definition/define.ts'
import { errorTitles, type Failure, PostponedError } from '../domain/errors.ts'
import { fail, giveBackUnreadable, release, snooze, succeed, withLatestProgress } from '../domain/rules.ts'
import type { Store } from '../store/port.ts'
import type { Rule } from '../store/transition.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { Context, type ContextParts } from './context.ts'
import { failureOf } from './failure.ts'
import { Interruption } from './interruption.ts'
import type { HeldJob } from './lease.ts'
import { serializeOutput } from './output.ts'
import { persistOutcome } from './persist-outcome.ts'
import { Snoozed } from './snooze.ts'

export interface ExecuteParts extends ContextParts {
  readonly store: Pick<Store, 'renew' | 'addFragments' | 'fragments'>
  readonly leaseMs: number
  readonly tracing: Tracing | null
}

/**
 * Runs one attempt: parse → run → serialize → store the outcome. Never rejects: every error becomes the attempt's outcome. `done` is
 * called when the handler has ended, before the outcome is stored, so that another job can start meanwhile.
 */
export async function execute(held: HeldJob, type: Runnable, parts: ExecuteParts, done: () => void): Promise<void> {
  const { clock } = parts
  const context = new Context(held, parts, type.stream ?? null)
  const interruption = new Interruption(held, type.timeout, clock)
  let settle: Rule | null
  let failed = false
  try {
    const input = read(held, type, interruption)
    context.input = input instanceof Promise ? await input : input
    // Repeated, because another handler may block the process during the confirmation.
    while (clock.now() - held.confirmedAt > parts.leaseMs / 2) await interruption.or(confirm(held, parts))
    held.throwIfAborted()
    const run = () => interruption.or(type.run(context, held.job))
    // A delivery has the span of its request.
    const traced = parts.tracing !== null && held.job.queue === 'jobs'
    const returned = traced ? await parts.tracing.process(held.job, async () => run()) : await run()
    if (context.snoozed !== null) throw new Snoozed()
    const output = serializeOutput(returned, parts.outputBytes)
    if (context.liveOutput !== null) await interruption.or(context.liveOutput.finish())
    const files = context.savedFiles === null ? null : await interruption.or(context.savedFiles.finished())
    settle = (job) => succeed(job, clock.now(), output, files as string | null)
  } catch (thrown) {
    settle = afterThrow(held, thrown, type, clock, context)
    failed = true
    await finishOutput(held, context)
  }
  const said = context.end()
  interruption.clear()
  done()
  const end = settle
  if (end === null) return void (await discard(context))
  const outcome: Rule = said === null ? end : (job) => withLatestProgress(job, said, end)
  await persistOutcome(held, outcome, clock, context)
  // A success that seems lost may be stored, with the list of its files: only the sweep, which reads the job, may remove them.
  if (failed && context.savedFiles !== null) await discard(context)
}

/** What a run that failed has written is stored too, before the job says that it failed. */
async function finishOutput({ reason }: HeldJob, { liveOutput, workerLog }: Context): Promise<void> {
  if (liveOutput === null || reason === 'lease-lost') return
  await liveOutput.finish().catch((error: unknown) => {
    workerLog.warn({ err: describe(error) }, 'failed to store the rest of the live output')
  })
}

/** Removes the files of a run that did not complete its job. What is left is found by the sweep. */
async function discard(context: Context): Promise<void> {
  await context.savedFiles?.discard().catch((error: unknown) => {
    context.workerLog.warn({ err: describe(error) }, 'failed to remove the files of an attempt')
  })
}

/**
 * Renews the lease before the handler starts, if it was not confirmed for long: another handler blocked this process, or the claim was
 * slow. Another worker may hold the job by now. If that cannot be determined, the job is given back without spending an attempt.
 */
async function confirm(held: HeldJob, { store, leaseMs, clock }: ExecuteParts): Promise<void> {
  const asked = clock.now()
  const [version] = await store.renew([held.lease], leaseMs).catch((error: unknown) => {
    throw new PostponedError('The lease could not be renewed before the attempt began.', 0, error)
  })
  if (version === null) held.abort('lease-lost')
  held.throwIfAborted()
  held.confirmedAt = asked
}

/** The stored input does not fit this worker's definition of the job type. */
class Unreadable extends Error {}

function read(held: HeldJob, type: Runnable, interruption: Interruption): unknown {
  const unreadable = (thrown: unknown): never => {
    // Invalid JSON is invalid for every worker, and an interruption is not an error of the schema.
    if (held.reason !== null || text(thrown, 'code') === 'corrupt') throw thrown
    throw new Unreadable(isInvalid(thrown) ? text(thrown, 'message') : 'Its schema failed.', { cause: thrown })
  }
  try {
    const input = interruption.or(type.parse(held.job.input))
    return input instanceof Promise ? input.catch(unreadable) : input
  } catch (thrown) {
    return unreadable(thrown)
  }
}

const isInvalid = (thrown: unknown) => text(thrown, 'code') === 'invalid-input'

/** A lost lease writes nothing, a shutdown gives the job back, and everything else is a failure. */
function afterThrow(held: HeldJob, thrown: unknown, type: Runnable, clock: Clock, context: Context): Rule | null {
  const { reason } = held
  if (reason === 'lease-lost') return null
  if (reason === 'shutdown') return (job) => release(job, clock.now())
  if (reason === null && isA(thrown, Unreadable)) {
    context.workerLog.warn(
      { err: describe(thrown.cause) },
      'the input does not fit this worker’s definition of its job type',
    )
    const random = Math.random()
    return (job) => giveBackUnreadable(job, clock.now(), thrown.message, random)
  }
  const { snoozed } = context
  if (reason === null && snoozed !== null) {
    return (job) => snooze(job, clock.now(), clock.now() + snoozed.ms, snoozed.message)
  }
  if (reason === null && isA(thrown, PostponedError)) {
    if (thrown.cause !== undefined) context.workerLog.warn({ err: describe(thrown.cause) }, thrown.message)
    return (job) => release(job, clock.now(), clock.now() + thrown.wait)
  }
  const failure: Failure =
    reason === 'timeout' ? { code: 'timeout', message: errorTitles.timeout, retryable: true } : failureOf(thrown)
  if (reason === null) context.workerLog.warn({ err: describe(thrown), code: failure.code }, 'attempt failed')
  const wait = type.retryIn(held.lease.attempt, thrown)
  return (job) => fail(job, clock.now(), failure, clock.now() + wait)
}
