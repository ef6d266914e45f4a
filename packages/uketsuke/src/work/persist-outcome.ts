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
export async function persistOutcome(held: HeldJob, outcome: Rule, clock: Clock, context: Context): Promise<void> {
  const rules = [outcome]
  for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
    const rule = rules.at(-1) ?? outcome
    try {
      await held.write(rule)
      return
    } catch (error) {
      // Made here: most attempts need no logger of their own.
      const { workerLog: log } = context
      if (isPassing(error)) {
        log.error({ err: error }, 'storing the outcome failed; retrying')
        if (held.leaving) return
        await sleep(clock, wait)
        continue
      }
      log.error({ err: describe(error) }, 'the store refused the outcome')
      // The lease will expire, and the rescuer will find the job.
      if (rules.length > 2) return
      // A second refusal may be about the text of the first: leave it out.
      const failure = rules.length === 1 ? { ...rejected, thrown: describe(error).stack } : rejected
      rules.push((job) => fail({ ...job, progressMessage: null }, clock.now(), failure, clock.now()))
    }
  }
}

const rejected: Failure = {
  code: 'outcome-rejected',
  message: `${errorTitles['outcome-rejected']}.`,
  retryable: false,
}
