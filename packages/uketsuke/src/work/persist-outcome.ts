import { type Clock, sleep } from '../base/clock.ts'
import { describe, isPassing } from '../base/thrown.ts'
import { errorTitles, type Failure } from '../domain/errors.ts'
import { fail } from '../domain/rules.ts'
import type { Rule } from '../store/transition.ts'
import type { Context } from './context.ts'
import type { HeldJob } from './lease.ts'

/**
 * Work that is done must not be lost to a store that is down for a while: tries until it is stored or the lease is lost. An outcome that
 * the store refuses would be refused again, and its handler must not run again for it: the job fails with that instead.
 */
export async function persistOutcome(held: HeldJob, outcome: Rule, clock: Clock, context: Context): Promise<void> {
  const { log } = context
  const rules = [outcome]
  for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
    const rule = rules.at(-1) ?? outcome
    try {
      await held.write(rule)
      return
    } catch (error) {
      if (isPassing(error)) {
        log.error({ err: error }, 'the outcome could not be stored yet')
        if (held.leaving) return
        await sleep(clock, wait)
        continue
      }
      log.error({ err: describe(error) }, 'the store refuses the outcome')
      // The lease will run out, and the rescuer will find the job.
      if (rules.length > 2) return
      // Then without the words of the refusal, if it is them that are refused.
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
