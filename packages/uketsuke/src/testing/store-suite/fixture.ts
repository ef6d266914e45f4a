import assert from 'node:assert/strict'
import type { Clock } from '../../base/clock.ts'
import { change } from '../../domain/change.ts'
import type { Change, Job, NewJob } from '../../domain/job.ts'
import * as rules from '../../domain/rules.ts'
import type { ClaimQuery, IdempotencyKey, Store } from '../../store/port.ts'
import type { ManualClock } from '../clock.ts'

export interface Fixture {
  store: Store
  clock: ManualClock
}

/** Declares one test with a new, empty, open store. */
export type Check = (name: string, body: (fixture: Fixture) => Promise<void>) => void

/** Valid but unusual characters for an owner and a key. */
export const allowed = { owner: 'O’Brien, 漢字, 🚀, U+2028 \u2028 "quotes\' \\ %_', key: '"quotes\' \\ %_ {}' }

export const asked: ClaimQuery = { queue: 'jobs', types: ['report'], limit: 100, worker: 'worker-1', leaseMs: 30_000 }

export const job = (clock: Clock, given: Partial<NewJob> & { id: string }): Job =>
  rules.create({ type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 60_000, ...given }, clock.now())

export const key = (name: string, given: Partial<IdempotencyKey> = {}): IdempotencyKey => ({
  route: 'jobs',
  key: name,
  fingerprint: 'print',
  expiresAt: Number.MAX_SAFE_INTEGER,
  ...given,
})

export const lease = (id: string, attempt = 1, worker = asked.worker) => ({ id, attempt, worker })
export const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id)

export function applied(before: Job, after: Job | null, clock: Clock): Change {
  assert.ok(after, 'the rule allows this change')
  return change(before, after, clock.now())
}

/** Claims and releases every due job, which stores one attempt for each. */
export async function giveBack(store: Store, clock: Clock): Promise<void> {
  const running = await store.claim(asked)
  const released = running.map((one) => applied(one, rules.release(one, clock.now()), clock))
  assert.ok((await store.replace(released)).every(Boolean))
}

/** Completes every due job. */
export async function end(store: Store, clock: Clock): Promise<void> {
  const running = await store.claim(asked)
  const done = running.map((one) => applied(one, rules.succeed(one, clock.now(), '{}'), clock))
  assert.ok((await store.replace(done)).every(Boolean))
}
