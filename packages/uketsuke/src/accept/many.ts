import { UketsukeError, type Violation } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { create } from '../domain/rules.ts'
import type { Transaction } from '../store/transaction.ts'
import { type AcceptParts, insertWithinOf } from './accept.ts'
import type { AcceptRequest } from './request.ts'
import { validate } from './validate.ts'

/** What one call may bring: more would keep other commits waiting. */
const most = 10_000
/** Of inputs and metadata together, as JSON: all of them go in one commit, which no engine takes at any size. */
const mostBytes = 64 << 20

/** Accepting the jobs of one call: all of them, in one commit, or none. */
export function manyAcceptor(
  parts: AcceptParts,
): (asked: readonly AcceptRequest[], within?: Transaction) => Promise<Job[]> {
  const { store, dispatch, clock } = parts
  return async (asked, within) => {
    if (asked.length > most) invalid([{ pointer: '', detail: `At most ${most} jobs can be enqueued in one call.` }])
    if (asked.length === 0) return []
    const jobs = await checked(asked, parts, clock.now())
    const inserts = jobs.map((job) => ({ job }))
    await (within ? insertWithinOf(store)(within, inserts) : store.insert(inserts))
    // Within a transaction there is nothing to tell yet: its commit tells.
    if (!within) dispatch.announce(jobs)
    return jobs
  }
}

async function checked(asked: readonly AcceptRequest[], parts: AcceptParts, now: number): Promise<Job[]> {
  const jobs: Job[] = []
  const wrong: Violation[] = []
  let bytes = 0
  for (let i = 0; i < asked.length; i++) {
    try {
      const valid = validate(asked[i] as AcceptRequest, parts.newId(), parts, now)
      const job = create(valid instanceof Promise ? await valid : valid, now)
      bytes += Buffer.byteLength(job.input) + Buffer.byteLength(job.metadata ?? '')
      if (bytes > mostBytes) tooLarge(i)
      jobs.push(job)
    } catch (error) {
      // What else there is to refuse, such as the type, is the same for all of them.
      if (!(error instanceof UketsukeError) || error.code !== 'validation-error') throw error
      for (const { pointer, detail } of error.errors ?? []) wrong.push({ pointer: `/${i}${pointer}`, detail })
    }
  }
  if (wrong.length > 0) invalid(wrong)
  return jobs
}

function invalid(errors: readonly Violation[]): never {
  throw new UketsukeError('validation-error', 'None of the jobs was enqueued, since some are not valid.', { errors })
}

function tooLarge(at: number): never {
  const sentence = `The inputs of one call may have ${mostBytes} bytes together as JSON, and the first ${at + 1} have more`
  throw new UketsukeError('payload-too-large', `${sentence}: none of the jobs was enqueued; split the call.`)
}
