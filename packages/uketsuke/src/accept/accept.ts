import type { Clock } from '../base/clock.ts'
import type { JobType } from '../definition/define.ts'
import type { Dispatch } from '../dispatch/port.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { QuotaExceeded } from '../domain/quota.ts'
import { create } from '../domain/rules.ts'
import type { Destinations } from '../notify/destinations.ts'
import type { WaitingJobs } from '../quota/waiting-jobs.ts'
import type { IdempotencyKey, Insert, Store } from '../store/port.ts'
import type { Transaction } from '../store/transaction.ts'
import { fingerprint, InFlight, keyLifetime } from './idempotency.ts'
import type { AcceptRequest, Idempotency } from './request.ts'
import { type Limits, validate } from './validate.ts'

/** `created` is false for an idempotent replay: the job existed before. */
export interface Accepted {
  job: Job
  created: boolean
}

export interface AcceptParts {
  store: Store
  dispatch: Dispatch
  clock: Clock
  types: ReadonlyMap<string, JobType>
  destinations: Destinations
  limits: Limits
  /** Null if the number of waiting jobs is not limited. */
  waitingJobs: WaitingJobs | null
  newId: () => string
}

export interface Acceptor {
  /** Accepts a job: validate → check the idempotency key → insert → announce. Resolves after the commit, never before. */
  accept(request: AcceptRequest, tx?: Transaction): Promise<Accepted>
  /** Accepts a job that was created from another one. `payload` is what the idempotency key is bound to. */
  again(job: Job, payload: object, idempotency?: Idempotency): Promise<Accepted>
}

export function acceptor(parts: AcceptParts): Acceptor {
  const { clock } = parts
  const inFlight = new InFlight(clock)
  const keyed = (job: Job, payload: object, { route, key }: Idempotency, tx?: Transaction): Promise<Accepted> => {
    const entry = { route, key, fingerprint: fingerprint(payload), expiresAt: job.createdAt + keyLifetime }
    return inFlight.run(JSON.stringify([job.owner, route, key]), () => insert(parts, { job, key: entry }, tx))
  }
  return {
    async accept(request, tx) {
      const now = clock.now()
      const valid = validate(request, parts.newId(), parts, now)
      const job = create(valid instanceof Promise ? await valid : valid, now)
      if (!request.idempotency) return await insert(parts, { job }, tx)
      const { owner: _, idempotency, inputIsJson, carrier: __, trace: ___, ...payload } = request
      // The schema may have changed the value that it was given.
      if (inputIsJson && payload.input !== undefined) payload.input = JSON.parse(job.input)
      return await keyed(job, payload, idempotency, tx)
    },
    again: (job, payload, idempotency) => (idempotency ? keyed(job, payload, idempotency) : insert(parts, { job })),
  }
}

async function insert(parts: AcceptParts, row: Insert, tx?: Transaction): Promise<Accepted> {
  const { store, dispatch, waitingJobs } = parts
  const insertRow = () => (tx ? insertWithinOf(store)(tx, [row]) : store.insert([row]))
  const limited = waitingJobs !== null && row.job.queue === 'jobs'
  const storing = limited ? waitingJobs.admit(row.job.owner, 1, insertRow) : insertRow()
  const [stored] = await storing.catch(async (error: unknown) => {
    if (row.key && error instanceof QuotaExceeded) return replayed(store, row.job.owner, row.key, error)
    throw withJobId(error, row.job)
  })
  if (row.key && stored?.fingerprint !== row.key.fingerprint) {
    throw new UketsukeError('idempotency-key-reused', 'This idempotency key was already used with a different payload.')
  }
  // The job of this key has been deleted.
  if (!stored?.job) throw new UketsukeError('job-not-found')
  // In a caller's transaction, the commit announces the job.
  if (stored.created && !tx) dispatch.announce([stored.job])
  return { job: stored.job, created: stored.created }
}

/** A replay creates no job, so it succeeds even if there is no room for one. @throws `exceeded` if the key is free */
async function replayed(store: Store, owner: string, { route, key }: IdempotencyKey, exceeded: QuotaExceeded) {
  const found = await store.keyed(owner, route, key)
  if (found === null) throw exceeded
  return [{ ...found, created: false }]
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
