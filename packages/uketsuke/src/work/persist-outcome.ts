import { type Clock, sleep } from '../base/clock.ts'
import { describe, isPassing } from '../base/thrown.ts'
import { errorTitles, type Failure } from '../domain/errors.ts'
import { fail } from '../domain/rules.ts'
import type { Rule } from '../store/transition.ts'
import type { Context } from './context.ts'
import type { HeldJob } from './lease.ts'

/**
 * Stores an outcome, and retries until it is stored or the lease is lost: an outage must not lose finished work. If the store refuses
 * the outcome itself, the job fails with `outcome-rejected`, because running the handler again would give the same outcome.
 */
export function persistOutcome(held: HeldJob, outcome: Rule, clock: Clock, context: Context): Promise<unknown> {
  // Not an async function: nearly every outcome is stored at the first try.
  return held.write(outcome).catch((error: unknown) => persistAgain(held, outcome, clock, context, error))
}

async function persistAgain(
  held: HeldJob,
  outcome: Rule,
  clock: Clock,
  context: Context,
  first: unknown,
): Promise<void> {
  const { workerLog: log } = context
  const rules = [outcome]
  let error = first
  for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
    if (isPassing(error)) {
      log.error({ err: error }, 'storing the outcome failed; retrying')
      if (held.leaving) return
      await sleep(clock, wait)
    } else {
      log.error({ err: describe(error) }, 'the store refused the outcome')
      // The lease will expire, and the rescuer will find the job.
      if (rules.length > 2) return
      // A second refusal may be about the text of the first: leave it out.
      const failure = rules.length === 1 ? { ...rejected, thrown: describe(error).stack } : rejected
      rules.push((job) => fail({ ...job, progressMessage: null }, clock.now(), failure, clock.now()))
    }
    try {
      await held.write(rules.at(-1) ?? outcome)
      return
    } catch (next) {
      error = next
    }
  }
}

const rejected: Failure = {
  code: 'outcome-rejected',
  message: `${errorTitles['outcome-rejected']}.`,
  retryable: false,
}
