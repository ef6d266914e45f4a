import fc from 'fast-check'
import { expect } from 'vitest'
import type { Clock } from '../../packages/uketsuke/src/base/clock.ts'
import { change } from '../../packages/uketsuke/src/domain/change.ts'
import type { Job } from '../../packages/uketsuke/src/domain/job.ts'
import { admission } from '../../packages/uketsuke/src/domain/limits.ts'
import * as rules from '../../packages/uketsuke/src/domain/rules.ts'
import { anyLease } from '../../packages/uketsuke/src/store/fragments.ts'
import { memory } from '../../packages/uketsuke/src/store/memory.ts'
import { allOwners, type Owner, type Store } from '../../packages/uketsuke/src/store/port.ts'

/** One operation that runs on both stores; resolves with its result. */
type Act = (store: Store, time: { now: number }) => Promise<unknown>

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
const owner = fc.constantFrom<Owner>('ann', 'bob', allOwners)
const queue = fc.constantFrom('jobs' as const, 'deliveries' as const)
const type = fc.constantFrom('report', 'mail')
const short = fc.integer({ min: 0, max: 50 })

const sorted = (jobs: Job[]) => jobs.toSorted((a, b) => (a.id < b.id ? -1 : 1))
const current = async (store: Store, id: string) => (await store.get(allOwners, [id]))[0] ?? null

/** Users' jobs only, and a key belongs to one type. */
const limited = ({ queue, type, limitKey }: { queue: string; type: string; limitKey: string | null }) => ({
  limitKey: queue === 'jobs' && limitKey !== null ? `${type} ${limitKey}` : null,
})

const insert: fc.Arbitrary<Act> = fc
  .array(
    fc.record({
      id,
      type,
      queue,
      owner: fc.constantFrom('ann', 'bob'),
      priority: fc.constantFrom('normal' as const, 'high' as const),
      delay: fc.integer({ min: -20, max: 50 }),
      key: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }),
      uniqueKey: fc.option(fc.constantFrom('u1', 'u2'), { nil: undefined }),
      parent: fc.option(id),
      webhookUrl: fc.option(fc.constant('https://example.com')),
      maxAttempts: fc.integer({ min: 1, max: 2 }),
      limitKey: fc.option(fc.constantFrom('1', '2')),
      ahead: fc.integer({ min: 0, max: 3_000 }),
    }),
    { maxLength: 4 },
  )
  .map((rows) => (store, { now }) => {
    const inserts = rows.map(({ delay, key, uniqueKey, ahead, ...asked }) => ({
      uniqueKey,
      job: rules.create(
        {
          ...asked,
          ...limited(asked),
          input: '{}',
          retainFor: 30,
          runAt: now + delay,
          rank: (now + delay) * 1_000 - ahead,
        },
        now,
      ),
      key: key === undefined ? undefined : { route: 'r', key, fingerprint: asked.id, expiresAt: now + 40 },
    }))
    return store.insert(inserts).catch(() => 'refused')
  })

const admit: fc.Arbitrary<Act> = fc
  .record({
    keys: fc.subarray(['report 1', 'report 2', 'mail 1', 'mail 2']),
    concurrency: fc.option(fc.integer({ min: 1, max: 3 })),
    rate: fc.option(fc.record({ limit: fc.integer({ min: 1, max: 3 }), per: fc.integer({ min: 1, max: 60 }) })),
  })
  .map(({ keys, ...limits }) => async (store) => {
    const marked = await store.keysWithRoom(['report', 'mail'], 10)
    const asked = keys.map((key) => ({ type: key.split(' ')[0] ?? '', key }))
    const admitted = await store.admit(asked, (_, facts, now) => admission(limits, facts, now))
    return { marked: marked.map(({ key }) => key).sort(), admitted: sorted(admitted) }
  })

const claim: fc.Arbitrary<Act> = fc
  .record({
    priority: fc.option(fc.constantFrom('normal' as const, 'high' as const), { nil: undefined }),
    queue,
    types: fc.subarray(['report', 'mail']),
    limit: fc.integer({ min: 1, max: 4 }),
    leaseMs: short,
  })
  .map((query) => (store) => store.claim({ ...query, worker: 'w' }))

const moves: ((job: Job, now: number) => Job | null)[] = [
  (job) => rules.progress(job, job.progress + 10, 'm'),
  (job, now) => rules.succeed(job, now, '1', job.id < 'd' ? '[]' : null),
  (job, now) => rules.fail(job, now, { code: 'x', message: 'y', retryable: true }, now + 5),
  rules.release,
  (job, now) => rules.snooze(job, now, now + 7, 'asked'),
  (job, now) => rules.debounce(job, `{"at":${now}}`, now, { wait: 10, max: 25 }),
  rules.cancel,
  rules.touch,
  rules.expire,
]

const move: fc.Arbitrary<Act> = fc
  .record({ id, rule: fc.constantFrom(...moves), stale: fc.boolean() })
  .map(({ id, rule, stale }) => async (store, { now }) => {
    const before = await current(store, id)
    const after = before && rule(before, now)
    if (before === null || after === null) return null
    const asked = change(before, after, now)
    return store.replace([stale ? { ...asked, before: { ...before, version: before.version - 1 } } : asked])
  })

const reads: fc.Arbitrary<Act> = fc.oneof(
  fc
    .record({
      owner,
      jobId: id,
      kind: fc.constantFrom('step', 'output'),
      after: fc.option(fc.constantFrom('1', '2')),
      limit: fc.integer({ min: 1, max: 3 }),
    })
    .map(
      (query): Act =>
        (store) =>
          store.fragments(query),
    ),
  fc.constantFrom('u1', 'u2').map(
    (key): Act =>
      (store) =>
        store.holder(key),
  ),
  fc.tuple(owner, id).map(
    ([owner, id]): Act =>
      (store) =>
        store.attempts(owner, id),
  ),
  fc.tuple(owner, id).map(
    ([owner, id]): Act =>
      (store) =>
        store.deliveries(owner, id),
  ),
  fc.tuple(queue, fc.subarray(['report', 'mail'])).map(
    ([queue, types]): Act =>
      (store) =>
        store.nextDue(queue, types),
  ),
  fc.constant<Act>(async (store) =>
    (await store.fronts()).map(({ type, priority, rank }) => `${priority} ${type} ${rank}`).sort(),
  ),
  id.map(
    (id): Act =>
      async (store) => {
        const job = await current(store, id)
        return job && store.position(job)
      },
  ),
  fc
    .record({
      owner,
      status: fc.option(fc.subarray(['pending', 'running', 'completed', 'failed', 'cancelled'] as const), {
        nil: undefined,
      }),
      type: fc.option(type, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 9 }),
      before: fc.option(id, { nil: undefined }),
    })
    .map(
      (query): Act =>
        (store) =>
          store.list(query),
    ),
)

const writes: fc.Arbitrary<Act> = fc.oneof(
  fc
    .array(
      fc.record({
        lease: fc.record({ id, attempt: fc.integer({ min: 1, max: 2 }), worker: fc.constant('w') }),
        kind: fc.constantFrom('step', 'output'),
        key: fc.constantFrom('1', '2', '3'),
        value: fc.constantFrom('x', 'y'),
      }),
      { maxLength: 4 },
    )
    .map(
      (added): Act =>
        (store) =>
          store.addFragments(added),
    ),
  fc.tuple(id, fc.constantFrom('1', '2', '3')).map(
    ([id, key]): Act =>
      (store) =>
        store.addFragments([{ lease: anyLease(id), kind: 'step', key, value: 'free' }]),
  ),
  fc.tuple(id, fc.integer({ min: 0, max: 2 }), short).map(
    ([id, attempt, leaseMs]): Act =>
      (store) =>
        store.renew([{ id, attempt, worker: 'w' }], leaseMs),
  ),
  fc.tuple(owner, id).map(
    ([owner, id]): Act =>
      (store) =>
        store.remove(owner, id),
  ),
  fc.constant<Act>((store) => store.prune(100)),
)

const pass: fc.Arbitrary<Act> = short.map((ms) => async (_, time) => {
  time.now += ms
})

/** A store behaves like the reference store for random operations. `open` returns an empty store. */
export async function equalsMemory(open: (clock: Clock) => Promise<Store>, runs: number): Promise<void> {
  const acts = fc.array(fc.oneof(insert, insert, claim, claim, admit, admit, move, move, reads, writes, pass), {
    minLength: 20,
    maxLength: 60,
  })
  const property = fc.asyncProperty(acts, async (todo) => {
    const outcome = async (open: (clock: Clock) => Promise<Store>) => {
      const time = { now: 1_000 }
      const store = await open({ now: () => time.now, after: () => () => {} })
      await store.migrate()
      const results: unknown[] = []
      for (const act of todo) {
        results.push(await act(store, time), await store.stats(), sorted(await store.expiredLeases(100)))
      }
      results.push(await store.get(allOwners, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']))
      await store.close()
      return results
    }
    expect(await outcome(open)).toEqual(await outcome(async (clock) => memory()(clock)))
  })
  await fc.assert(property, { numRuns: runs })
}
