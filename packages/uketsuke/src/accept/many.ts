import { batchDelivery } from '../domain/change.ts'
import { UketsukeError, type Violation } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { create } from '../domain/rules.ts'
import type { Insert } from '../store/port.ts'
import type { Transaction } from '../store/transaction.ts'
import { debounced, insertWithinOf } from './accept.ts'
import { checkNotDebounced } from './debounce.ts'
import type { AcceptParts } from './parts.ts'
import type { AcceptRequest } from './request.ts'
import { checkedUrl, validate } from './validate.ts'

/** The maximum number of jobs in one call. More would block other commits for too long. */
const maxJobs = 10_000
/** The maximum size of all inputs and metadata as JSON: they go into a single commit. */
const maxBytes = 64 << 20

/** The jobs of one call, in the order of the requests. Those that were created have the id of the batch. */
export interface AcceptedBatch {
  readonly id: string
  readonly jobs: Job[]
}

/** Accepts the jobs of one call in one commit: all or none. */
export function manyAcceptor(
  parts: AcceptParts,
): (requests: readonly AcceptRequest[], tx?: Transaction, batchWebhookUrl?: unknown) => Promise<AcceptedBatch> {
  const { store, admission, clock, waitingJobs } = parts
  return async (requests, tx, batchWebhookUrl) => {
    if (requests.length > maxJobs) invalid([{ pointer: '', detail: `One call can enqueue at most ${maxJobs} jobs.` }])
    const id = parts.newId()
    if (requests.length === 0) return { id, jobs: [] }
    if (tx) checkNotDebounced(parts, requests[0]?.type)
    await parts.ranks.ready(requests[0]?.owner ?? '')
    const inserts = await validateAll(requests, parts, clock.now(), id)
    const report = batchWebhookUrl == null ? null : checkedUrl(batchWebhookUrl, '/batchWebhookUrl', parts)
    const delivery = report === null ? [] : [{ job: batchDelivery(id, report, inserts[0]!.job, clock.now()) }]
    const rows: Insert[] = [...inserts, ...delivery]
    const insert = () => (tx ? insertWithinOf(store)(tx, rows) : store.insert(rows))
    // One call has one owner.
    const inserted = await (waitingJobs ? waitingJobs.admit(inserts[0]!.job.owner, inserts.length, insert) : insert())
    const jobs = inserted.slice(0, inserts.length).map(({ job }) => job!)
    // In a caller's transaction, the commit announces the jobs.
    if (!tx) admission.announce([...jobs.filter((_, i) => inserted[i]?.created), ...delivery.map(({ job }) => job)])
    for (const [i, { deduplicated }] of inserted.entries()) {
      if (!deduplicated) continue
      jobs[i] = (await debounced(parts, inserts[i]!, { job: jobs[i]!, created: false, deduplicated })).job
    }
    return { id, jobs }
  }
}

async function validateAll(
  requests: readonly AcceptRequest[],
  parts: AcceptParts,
  now: number,
  batch: string,
): Promise<Insert[]> {
  const inserts: Insert[] = []
  const violations: Violation[] = []
  let bytes = 0
  for (let i = 0; i < requests.length; i++) {
    try {
      const valid = validate(requests[i] as AcceptRequest, parts.newId(), parts, now)
      const asked = valid instanceof Promise ? await valid : valid
      const job = create(asked, now, parts.ranks.rank(asked, now), batch)
      bytes += Buffer.byteLength(job.input) + Buffer.byteLength(job.metadata ?? '')
      if (bytes > maxBytes) tooLarge(i)
      inserts.push({ job, uniqueKey: asked.uniqueKey })
    } catch (error) {
      // Other errors, such as an unknown type, apply to all jobs of the call.
      if (!(error instanceof UketsukeError) || error.code !== 'validation-error') throw error
      for (const { pointer, detail } of error.errors ?? []) violations.push({ pointer: `/${i}${pointer}`, detail })
    }
  }
  if (violations.length > 0) invalid(violations)
  return inserts
}

function invalid(errors: readonly Violation[]): never {
  throw new UketsukeError('validation-error', 'Some jobs are invalid. No job was enqueued.', { errors })
}

function tooLarge(at: number): never {
  const sentence = `The inputs of one call must not exceed ${maxBytes} bytes as JSON. The first ${at + 1} inputs exceed it`
  throw new UketsukeError('payload-too-large', `${sentence}. No job was enqueued: split the call.`)
}
