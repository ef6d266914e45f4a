import type { Clock } from '../base/clock.ts'
import type { JobType } from '../definition/define.ts'
import type { Dispatch } from '../dispatch/port.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { create } from '../domain/rules.ts'
import type { Destinations } from '../notify/destinations.ts'
import type { Insert, Store } from '../store/port.ts'
import type { Transaction } from '../store/transaction.ts'
import { fingerprint, InFlight, keyLifetime } from './idempotency.ts'
import type { AcceptRequest, Idempotency } from './request.ts'
import { type Limits, validate } from './validate.ts'

/** `created` is false where an idempotency key gave an earlier job. */
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
  newId: () => string
}

export interface Acceptor {
  /** Accepting a job: validate → look at the key → insert → announce. Resolves after the commit, never before. */
  accept(asked: AcceptRequest, within?: Transaction): Promise<Accepted>
  /** The same for a job that was made from another one; `payload` is what the same key must always come with. */
  again(job: Job, payload: object, idempotency?: Idempotency): Promise<Accepted>
}

export function acceptor(parts: AcceptParts): Acceptor {
  const { clock } = parts
  const inFlight = new InFlight(clock)
  const keyed = (job: Job, payload: object, { route, key }: Idempotency, within?: Transaction): Promise<Accepted> => {
    const entry = { route, key, fingerprint: fingerprint(payload), expiresAt: job.createdAt + keyLifetime }
    return inFlight.run(JSON.stringify([job.owner, route, key]), () => insert(parts, { job, key: entry }, within))
  }
  return {
    async accept(asked, within) {
      const now = clock.now()
      const valid = validate(asked, parts.newId(), parts, now)
      const job = create(valid instanceof Promise ? await valid : valid, now)
      if (!asked.idempotency) return await insert(parts, { job }, within)
      const { owner: _, idempotency, ...payload } = asked
      return await keyed(job, payload, idempotency, within)
    },
    again: (job, payload, idempotency) => (idempotency ? keyed(job, payload, idempotency) : insert(parts, { job })),
  }
}

async function insert({ store, dispatch }: AcceptParts, asked: Insert, within?: Transaction): Promise<Accepted> {
  const storing = within ? insertWithinOf(store)(within, [asked]) : store.insert([asked])
  const [stored] = await storing.catch((error: unknown) => {
    throw naming(error, asked.job)
  })
  if (asked.key && stored?.fingerprint !== asked.key.fingerprint) {
    throw new UketsukeError('idempotency-key-reused', 'This Idempotency-Key came with another payload before.')
  }
  // The key's job has been deleted since: the same answer as for any job that is gone.
  if (!stored?.job) throw new UketsukeError('job-not-found')
  // Within a transaction there is nothing to tell yet: its commit tells.
  if (stored.created && !within) dispatch.announce([stored.job])
  return { job: stored.job, created: stored.created }
}

/** Whoever does not learn whether a job was stored learns what to ask for. */
function naming(error: unknown, { id }: Job): unknown {
  if (!(error instanceof UketsukeError) || error.outcome !== 'unknown') return error
  const { message, cause, retryAfter = 1 } = error
  return new UketsukeError('temporarily-unavailable', message, { cause, retryAfter, outcome: 'unknown', jobId: id })
}

/** @throws `invalid-configuration` */
export function insertWithinOf({ insertWithin }: Store): NonNullable<Store['insertWithin']> {
  if (insertWithin) return insertWithin
  throw new UketsukeError(
    'invalid-configuration',
    'This store cannot take part in a transaction of yours: enqueue without tx.',
  )
}
