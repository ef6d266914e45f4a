import { UketsukeError } from '../domain/errors.ts'
import type { Job, NewJob } from '../domain/job.ts'
import { QuotaExceeded } from '../domain/quota.ts'
import { create } from '../domain/rules.ts'
import type { Insert, Store } from '../store/port.ts'
import type { Transaction } from '../store/transaction.ts'
import { checkNotDebounced, debounceHeld } from './debounce.ts'
import { fingerprint, InFlight, keyLifetime } from './idempotency.ts'
import { keysOfStored, noKeys } from './keys.ts'
import type { AcceptParts } from './parts.ts'
import type { AcceptRequest, Idempotency } from './request.ts'
import { validate } from './validate.ts'

/** `created` is false for an idempotent replay, and if an unfinished job holds the unique key: the job existed before. */
export interface Accepted {
  job: Job
  created: boolean
  /** The unfinished job with the same unique key was returned. */
  deduplicated: boolean
}

export interface Acceptor {
  /** Accepts a job: validate → check the idempotency key → insert → announce. Resolves after the commit, never before. */
  accept(request: AcceptRequest, tx?: Transaction): Promise<Accepted>
  /** Validates a request without storing anything. @throws as `accept` does */
  check(request: AcceptRequest): Promise<void>
  /** Accepts a job with the input of another one. `payload` is what the idempotency key is bound to. */
  again(asked: NewJob, payload: object, idempotency?: Idempotency): Promise<Accepted>
}

export function acceptor(parts: AcceptParts): Acceptor {
  const { clock } = parts
  const inFlight = new InFlight(clock)
  const keyed = (row: Insert, payload: object, { route, key }: Idempotency, tx?: Transaction): Promise<Accepted> => {
    const { job } = row
    const entry = { route, key, fingerprint: fingerprint(payload), expiresAt: job.createdAt + keyLifetime }
    return inFlight.run(JSON.stringify([job.owner, route, key]), () => insert(parts, { ...row, key: entry }, tx))
  }
  return {
    async accept(request, tx) {
      if (tx) checkNotDebounced(parts, request.type)
      const now = clock.now()
      const valid = validate(request, parts.newId(), parts, now)
      const asked = valid instanceof Promise ? await valid : valid
      const ranking = parts.ranks.ready(asked.owner)
      if (ranking) await ranking
      const job = create(asked, now, parts.ranks.rank(asked, now))
      const row = { job, uniqueKey: asked.uniqueKey }
      if (!request.idempotency) return await debounced(parts, row, await insert(parts, row, tx))
      const { owner: _, idempotency, inputIsJson, carrier: __, trace: ___, ...payload } = request
      // The schema may have changed the value that it was given.
      if (inputIsJson && payload.input !== undefined) payload.input = JSON.parse(job.input)
      return await debounced(parts, row, await keyed(row, payload, idempotency, tx))
    },
    async check(request) {
      await validate(request, parts.newId(), parts, clock.now())
    },
    async again(asked, payload, idempotency) {
      const type = asked.queue === 'jobs' ? parts.types.get(asked.type) : undefined
      const { uniqueKey, limitKey } = type ? await keysOfStored(type, asked) : noKeys
      const now = clock.now()
      const row = { job: create({ ...asked, limitKey }, now, type && parts.ranks.rank(asked, now)), uniqueKey }
      return idempotency ? keyed(row, payload, idempotency) : insert(parts, row)
    },
  }
}

/** How often the job that a request meets may end before it gets its input. */
const mostMeetings = 5

/** Gives the input of a request to the job that it has met, if the type is debounced. A job that has ended by then gets a successor. */
export async function debounced(parts: AcceptParts, row: Insert, accepted: Accepted): Promise<Accepted> {
  let found = accepted
  for (let met = 0; found.deduplicated && met < mostMeetings; met++) {
    const job = await debounceHeld(parts, found.job, row.job)
    if (job !== null) return { ...found, job }
    found = await insert(parts, row)
  }
  if (!found.deduplicated) return found
  throw new UketsukeError('temporarily-unavailable', 'The jobs with this unique key end too fast.', { retryAfter: 1 })
}

async function insert(parts: AcceptParts, row: Insert, tx?: Transaction): Promise<Accepted> {
  const { store, admission, waitingJobs } = parts
  const insertRow = () => (tx ? insertWithinOf(store)(tx, [row]) : store.insert([row]))
  const limited = waitingJobs !== null && row.job.queue === 'jobs'
  const storing = limited ? waitingJobs.admit(row.job.owner, 1, insertRow) : insertRow()
  const [stored] = await storing.catch(async (error: unknown) => {
    if (error instanceof QuotaExceeded && (await existsAlready(store, row))) return insertRow()
    throw withJobId(error, row.job)
  })
  if (row.key && stored?.fingerprint !== row.key.fingerprint) {
    throw new UketsukeError('idempotency-key-reused', 'This idempotency key was already used with a different payload.')
  }
  // The job of this key has been deleted.
  if (!stored?.job) throw new UketsukeError('job-not-found')
  // In a caller's transaction, the commit announces the job.
  if (stored.created && !tx) admission.announce([stored.job])
  return { job: stored.job, created: stored.created, deduplicated: stored.deduplicated === true }
}

/** A request that creates no job succeeds even if there is no room for one. */
async function existsAlready(store: Store, { job, key, uniqueKey }: Insert): Promise<boolean> {
  if (key && (await store.keyed(job.owner, key.route, key.key)) !== null) return true
  return uniqueKey !== undefined && (await store.holder(uniqueKey)) !== null
}

/** Adds the job id to an error with an unknown outcome, so that the client can check whether the job was stored. */
function withJobId(error: unknown, { id }: Job): unknown {
  if (!(error instanceof UketsukeError) || error.outcome !== 'unknown') return error
  const { message, cause, retryAfter = 1 } = error
  return new UketsukeError('temporarily-unavailable', message, { cause, retryAfter, outcome: 'unknown', jobId: id })
}

/** @throws `invalid-configuration` */
export function insertWithinOf({ insertWithin }: Store): NonNullable<Store['insertWithin']> {
  if (insertWithin) return insertWithin
  throw new UketsukeError('invalid-configuration', 'This store does not support tx: call enqueue without it.')
}
