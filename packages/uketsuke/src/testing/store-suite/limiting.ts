import assert from 'node:assert/strict'
import { admission, type KeyLimits } from '../../domain/limits.ts'
import * as rules from '../../domain/rules.ts'
import type { AdmissionRule, Store } from '../../store/port.ts'
import { applied, asked, type Check, ids, job } from './fixture.ts'

const key = { type: 'report', key: 'k' }
const within =
  (limits: Partial<KeyLimits>): AdmissionRule =>
  (_, facts, now) =>
    admission({ concurrency: null, rate: null, ...limits }, facts, now)
const marked = async (store: Store) => (await store.keysWithRoom(['report'], 10)).map((one) => one.key)

export function limiting(check: Check): void {
  check(
    'admit: a job with a key is claimed once it is admitted, high first, then by rank',
    async ({ store, clock }) => {
      const at = (id: string, more = {}) => ({ job: job(clock, { id, limitKey: 'k', ...more }) })
      const now = clock.now()
      await store.insert([
        at('n2'),
        at('n1', { rank: (now - 5) * 1_000 }),
        at('h', { priority: 'high' }),
        at('later', { runAt: now + 50 }),
        { job: job(clock, { id: 'free' }) },
        { job: job(clock, { id: 'other', limitKey: 'l' }) },
      ])
      assert.deepEqual(ids(await store.claim(asked)), ['free'])
      assert.equal(await store.nextDue('jobs', ['report']), null)
      const admitted = await store.admit([key], within({ concurrency: 2 }))
      assert.deepEqual(ids(admitted).sort(), ['h', 'n1'])
      assert.ok(admitted.every(({ parked, version, status }) => !parked && version === 1 && status === 'pending'))
      assert.deepEqual(await store.admit([key], within({ concurrency: 2 })), [])
      assert.deepEqual(ids(await store.claim(asked)).sort(), ['h', 'n1'])
      assert.deepEqual(await store.admit([key], within({ concurrency: 2 })), [])
      await clock.advance(50)
      assert.deepEqual(ids(await store.admit([key], within({}))).sort(), ['later', 'n2'])
      assert.deepEqual(ids(await store.admit([{ type: 'report', key: 'l' }], within({ concurrency: 1 }))), ['other'])
      const [stored] = await store.get('ann', ['other'])
      assert.deepEqual([stored?.parked, stored?.limitKey, stored?.rank, stored?.version], [false, 'l', now * 1_000, 1])
    },
  )

  check(
    'admit: the end of an attempt marks its key, and a job that waits again is parked',
    async ({ store, clock }) => {
      const one = within({ concurrency: 1 })
      await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id, limitKey: 'k' }) })))
      assert.deepEqual(await marked(store), ['k'])
      assert.deepEqual(await store.keysWithRoom(['mail'], 10), [])
      await store.admit([key], one)
      assert.deepEqual(await marked(store), [])
      const [a] = await store.claim(asked)
      assert.deepEqual([a?.id, await marked(store)], ['a', []])
      assert.deepEqual(await store.replace([applied(a!, rules.progress(a!, 5, null), clock)]), [true])
      assert.deepEqual(await marked(store), [])
      const [running] = await store.get('ann', ['a'])
      const failed = rules.fail(running!, clock.now(), { code: 'x', message: 'y', retryable: true }, clock.now() + 30)
      assert.deepEqual(await store.replace([applied(running!, failed, clock)]), [true])
      assert.deepEqual(await marked(store), ['k'])
      assert.deepEqual(ids(await store.admit([key], one)), ['b'])
      const [b] = await store.claim(asked)
      await clock.advance(30)
      // The failed attempt is due again.
      assert.deepEqual(await marked(store), ['k'])
      assert.deepEqual([await store.admit([key], one), await store.claim(asked)], [[], []])
      assert.deepEqual(await store.replace([applied(b!, rules.succeed(b!, clock.now(), '1'), clock)]), [true])
      assert.deepEqual(ids(await store.admit([key], one)), ['c'])
      const [c] = await store.claim(asked)
      assert.deepEqual(await store.replace([applied(c!, rules.release(c!, clock.now()), clock)]), [true])
      assert.deepEqual(ids(await store.admit([key], one)), ['a'])
    },
  )

  check('admit: parked jobs are counted, found and cancelled like other pending jobs', async ({ store, clock }) => {
    await store.indexWaiting()
    await store.insert([
      { job: job(clock, { id: 'a', limitKey: 'k' }) },
      { job: job(clock, { id: 'b', limitKey: 'k', webhookUrl: 'https://example.com' }) },
      { job: job(clock, { id: 'c' }) },
    ])
    await store.admit([key], within({ concurrency: 1 }))
    const pending = { queue: 'jobs' as const, status: 'pending' as const, limit: 10, examine: 10 }
    assert.deepEqual(ids((await store.search(pending)).jobs), ['c', 'b', 'a'])
    assert.deepEqual(ids(await store.list({ owner: 'ann', status: ['pending'], limit: 10 })), ['c', 'b', 'a'])
    assert.equal((await store.stats()).jobs.pending, 3)
    assert.deepEqual(await store.unfinished(), [{ type: 'report', pending: 3, running: 0, oldest: clock.now() }])
    assert.equal(await store.countWaiting('ann', 10), 3)
    const [a, b] = await store.get('ann', ['a', 'b'])
    assert.deepEqual([await store.position(a!), await store.position(b!)], [1, null])
    assert.deepEqual(await store.replace([applied(b!, rules.cancel(b!, clock.now()), clock)]), [true])
    assert.deepEqual((await store.deliveries('ann', 'b')).length, 1)
    // An admitted job that is cancelled gives its place back.
    assert.deepEqual(await store.replace([applied(a!, rules.cancel(a!, clock.now()), clock)]), [true])
    assert.deepEqual(await marked(store), ['k'])
    const ended = await store.get('ann', ['a', 'b'])
    assert.ok(ended.every((one) => one?.status === 'cancelled' && !one.parked && one.rank === null))
    assert.deepEqual([await store.remove('ann', 'a'), (await store.stats()).jobs.pending], [true, 1])
  })

  check('admit: a stored change of a job wins over what was read before its admission', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', limitKey: 'k' }) }])
    const [parked] = await store.get('ann', ['a'])
    await store.admit([key], within({ concurrency: 1 }))
    const later = rules.debounce(parked!, '1', clock.now(), { wait: 20, max: 100 })
    assert.deepEqual(await store.replace([applied(parked!, later, clock)]), [true])
    assert.deepEqual(await store.get('ann', ['a']), [later])
    await clock.advance(20)
    assert.deepEqual(await store.claim(asked), [])
    assert.deepEqual(ids(await store.admit([key], within({ concurrency: 1 }))), ['a'])
    assert.deepEqual(ids(await store.claim(asked)), ['a'])
  })

  check('admit: a ready job that comes after a parked one gives its place to it', async ({ store, clock }) => {
    const at = (id: string, more = {}) => ({ job: job(clock, { id, limitKey: 'k', ...more }) })
    const now = clock.now()
    const two = within({ concurrency: 2, rate: { limit: 2, per: 1_000 } })
    await store.insert([at('late'), at('later')])
    assert.equal((await store.admit([key], two)).length, 2)
    await store.insert([at('soon', { rank: (now - 9) * 1_000 }), at('not yet', { runAt: now + 50, priority: 'high' })])
    assert.deepEqual(ids(await store.admit([key], two)).sort(), ['late', 'soon'])
    assert.deepEqual(await store.admit([key], two), [])
    assert.deepEqual(ids(await store.claim({ ...asked, limit: 1 })), ['soon'])
    await store.insert([at('high', { priority: 'high' })])
    assert.deepEqual(ids(await store.admit([key], two)), ['high'])
    assert.deepEqual(ids(await store.claim(asked)), ['high'])
    // Two have started, and the others never have.
    await clock.advance(999)
    assert.deepEqual(await store.admit([key], within({ rate: { limit: 2, per: 1_000 } })), [])
  })

  check('admit: no more starts within a period than the rate, and as many', async ({ store, clock }) => {
    const rate = within({ rate: { limit: 2, per: 100 } })
    await store.insert(['a', 'b', 'c', 'd', 'e'].map((id) => ({ job: job(clock, { id, limitKey: 'k' }) })))
    assert.deepEqual(ids(await store.admit([key], rate)).sort(), ['a', 'b'])
    // They wait for a worker.
    await clock.advance(300)
    assert.deepEqual(await store.admit([key], rate), [])
    assert.equal((await store.claim({ ...asked, limit: 1 })).length, 1)
    assert.deepEqual(await store.admit([key], rate), [])
    await clock.advance(60)
    assert.equal((await store.claim({ ...asked, limit: 1 })).length, 1)
    assert.deepEqual(await store.admit([key], rate), [])
    await clock.advance(40)
    assert.deepEqual(await marked(store), ['k'])
    assert.deepEqual(ids(await store.admit([key], rate)), ['c'])
    await clock.advance(59)
    assert.deepEqual(await store.admit([key], rate), [])
    await clock.advance(1)
    assert.deepEqual(ids(await store.admit([key], rate)), ['d'])
  })

  check(
    'fronts: the first due job of each type and priority, whether it is parked or not',
    async ({ store, clock }) => {
      const now = clock.now()
      const at = (id: string, before: number, more = {}) => ({
        job: job(clock, { id, rank: (now - before) * 1_000, ...more }),
      })
      await store.insert([
        at('a', 5),
        at('b', 9, { limitKey: 'k' }),
        at('c', 7, { priority: 'high', limitKey: 'k' }),
        at('d', 8, { priority: 'high' }),
        at('e', 3, { type: 'mail', limitKey: 'k' }),
        at('f', 4, { queue: 'deliveries' }),
        { job: job(clock, { id: 'g', type: 'later', runAt: now + 50 }) },
      ])
      const fronts = (await store.fronts()).map(
        ({ type, priority, rank }) => `${priority} ${type} ${rank / 1_000 - now}`,
      )
      assert.deepEqual(fronts.sort(), ['high report -8', 'normal mail -3', 'normal report -9'])
    },
  )

  check('markKeys: marks the keys of parked jobs, for the time at which they are due', async ({ store, clock }) => {
    const none: AdmissionRule = () => ({ room: 0, after: () => ({ state: null, again: null }) })
    await store.insert([
      { job: job(clock, { id: 'a', limitKey: 'k' }) },
      { job: job(clock, { id: 'b', limitKey: 'l', runAt: clock.now() + 50 }) },
    ])
    await clock.advance(50)
    await store.admit([key, { type: 'report', key: 'l' }], none)
    assert.deepEqual(await marked(store), [])
    await store.markKeys(['mail'])
    assert.deepEqual(await marked(store), [])
    await store.markKeys(['mail', 'report'])
    assert.deepEqual((await marked(store)).sort(), ['k', 'l'])
  })

  check('claim: of one priority only', async ({ store, clock }) => {
    await store.insert([
      { job: job(clock, { id: 'h', priority: 'high' }) },
      { job: job(clock, { id: 'n' }) },
      { job: job(clock, { id: 'm', type: 'mail' }) },
    ])
    assert.deepEqual(ids(await store.claim({ ...asked, priority: 'normal' })), ['n'])
    assert.deepEqual(ids(await store.claim({ ...asked, types: ['report', 'mail'], priority: 'high' })), ['h'])
    assert.deepEqual(ids(await store.claim({ ...asked, types: ['report', 'mail'], priority: 'high' })), [])
  })
}
