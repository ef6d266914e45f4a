import assert from 'node:assert/strict'
import type { NewJob } from '../../domain/job.ts'
import * as rules from '../../domain/rules.ts'
import { allOwners } from '../../store/port.ts'
import { applied, asked, type Check, end, giveBack, ids, job } from './fixture.ts'

export function reading(check: Check): void {
  check('owners: no owner can read or remove the jobs of another', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) }])
    await giveBack(store, clock)
    await end(store, clock)
    for (const owner of ['bob', 'Ann', 'an']) {
      assert.deepEqual(await store.get(owner, ['a', 'a-webhook']), [null, null])
      assert.deepEqual(await store.list({ owner, limit: 10 }), [])
      assert.deepEqual(await store.deliveries(owner, 'a'), [])
      assert.deepEqual(await store.attempts(owner, 'a'), [])
      assert.equal(await store.remove(owner, 'a'), false)
    }
    for (const owner of ['ann', allOwners] as const) {
      assert.equal((await store.get(owner, ['a', 'a-webhook'])).filter(Boolean).length, 2)
      assert.equal((await store.list({ owner, limit: 10 })).length, 1)
      assert.equal((await store.deliveries(owner, 'a')).length, 1)
      assert.equal((await store.attempts(owner, 'a')).length, 1)
    }
    assert.equal(await store.remove(allOwners, 'a'), true)
  })

  check(
    'unfinished: pending and running jobs by type, and since when the oldest has been due',
    async ({ store, clock }) => {
      assert.deepEqual(await store.unfinished(), [])
      const start = clock.now()
      await store.insert([
        { job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) },
        { job: job(clock, { id: 'b', priority: 'high' }) },
      ])
      await end(store, clock)
      await store.insert([
        { job: job(clock, { id: 'c' }) },
        { job: job(clock, { id: 'd', priority: 'high', runAt: start + 1_000 }) },
        { job: job(clock, { id: 'e', type: 'later', runAt: start + 9_000 }) },
      ])
      assert.equal((await store.claim({ ...asked, limit: 1 })).length, 1)
      await store.insert([{ job: job(clock, { id: 'f', runAt: start + 500 }) }])
      await clock.advance(2_000)
      assert.deepEqual(await store.unfinished(), [
        { type: 'later', pending: 1, running: 0, oldest: null },
        { type: 'report', pending: 2, running: 1, oldest: start + 500 },
      ])
    },
  )

  check('unclaimed: types with jobs that have been due for long and none running', async ({ store, clock }) => {
    if (store.unclaimed === undefined) return
    const at = (id: string, type: string, runAt: number) => ({
      job: job(clock, { id, type, runAt: clock.now() + runAt }),
    })
    await store.insert([
      at('a', 'left', 0),
      at('b', 'left', 1_000),
      at('c', 'busy', 0),
      at('d', 'busy', 0),
      at('e', 'later', 9_000),
    ])
    await clock.advance(5_000)
    await store.claim({ ...asked, types: ['busy'], limit: 1, leaseMs: 1_000 })
    assert.deepEqual(await store.unclaimed(4_000), [{ type: 'left', waited: 5_000 }])
    assert.deepEqual(await store.unclaimed(5_001), [])
    // The worker has died: its lease has expired.
    await clock.advance(2_000)
    assert.deepEqual((await store.unclaimed(4_000)).map(({ type, waited }) => `${type} ${waited}`).sort(), [
      'busy 7000',
      'left 7000',
    ])
  })

  check('batch: its jobs by status, for their owner', async ({ store, clock }) => {
    const at = (id: string, owner = 'ann', batch = 'B') => ({ job: job(clock, { id, owner, batch }) })
    await store.insert([at('a'), at('b'), at('c'), at('d', 'bob'), at('e', 'ann', 'C')])
    const created = clock.now()
    await clock.advance(10)
    const [first, second] = await store.claim({ ...asked, limit: 2 })
    const half = rules.progress(first!, 40, null)
    await store.replace([
      applied(first!, half, clock),
      applied(second!, rules.succeed(second!, clock.now(), '1'), clock),
    ])
    const parts = async (owner: string) =>
      (await store.batch(owner, 'B')).sort((one, other) => (one.status < other.status ? -1 : 1))
    const part = { count: 1, createdAt: created, completedAt: null }
    assert.deepEqual(await parts('ann'), [
      { ...part, status: 'completed', versions: 3, progress: 100, completedAt: clock.now() },
      { ...part, status: 'pending', versions: 1, progress: 0 },
      { ...part, status: 'running', versions: 3, progress: 40 },
    ])
    assert.deepEqual(await parts('bob'), [{ ...part, status: 'pending', versions: 1, progress: 0 }])
    assert.deepEqual(await store.batch('ann', 'D'), [])
    assert.equal(
      (await store.batch(allOwners, 'B')).reduce((sum, { count }) => sum + count, 0),
      4,
    )
  })

  check('get: in the order of the ids, null if absent', async ({ store, clock }) => {
    await store.insert(['a', 'b'].map((id) => ({ job: job(clock, { id }) })))
    const read = await store.get('ann', ['b', 'gone', 'a', 'b'])
    assert.deepEqual(
      read.map((one) => one?.id ?? null),
      ['b', null, 'a', 'b'],
    )
    assert.deepEqual(await store.get('ann', []), [])
  })

  check('newer: only jobs with a later version', async ({ store, clock }) => {
    await store.insert(['a', 'b'].map((id) => ({ job: job(clock, { id }) })))
    const [a] = await store.claim({ ...asked, limit: 1 })
    const known = [
      { id: 'a', version: 1 },
      { id: 'b', version: 1 },
      { id: 'gone', version: 0 },
    ]
    assert.deepEqual(await store.newer(known), [a])
    assert.deepEqual(await store.newer([{ id: 'a', version: 2 }]), [])
    assert.deepEqual(await store.newer([]), [])
  })

  check('list: newest first, in pages, without deliveries', async ({ store, clock }) => {
    await store.insert(['1', '3', '2', '5', '4'].map((id) => ({ job: job(clock, { id }) })))
    await store.insert([{ job: job(clock, { id: '4-webhook', queue: 'deliveries', parent: '4' }) }])
    await store.insert([{ job: job(clock, { id: '35', owner: 'bob' }) }])
    assert.deepEqual(ids(await store.list({ owner: 'ann', limit: 2 })), ['5', '4'])
    assert.deepEqual(ids(await store.list({ owner: 'ann', limit: 2, before: '4' })), ['3', '2'])
    assert.deepEqual(ids(await store.list({ owner: 'ann', limit: 2, before: '2' })), ['1'])
    assert.deepEqual(ids(await store.list({ owner: allOwners, limit: 9 })), ['5', '4', '35', '3', '2', '1'])
  })

  check('list: by status and by type', async ({ store, clock }) => {
    await store.insert(['1', '2', '3'].map((id) => ({ job: job(clock, { id, maxAttempts: 1 }) })))
    await store.insert([{ job: job(clock, { id: '4', type: 'mail' }) }])
    const [first, second] = await store.claim({ ...asked, limit: 2 })
    const error = { code: 'x', message: 'y', retryable: false }
    await store.replace([applied(first!, rules.fail(first!, clock.now(), error, 0), clock)])
    await store.replace([applied(second!, rules.succeed(second!, clock.now(), '1'), clock)])
    const list = async (query: object) => ids(await store.list({ owner: 'ann', limit: 10, ...query }))
    assert.deepEqual(await list({ status: ['failed'] }), ['1'])
    assert.deepEqual(await list({ status: ['completed', 'failed'] }), ['2', '1'])
    assert.deepEqual(await list({ status: ['pending'], type: 'report' }), ['3'])
    assert.deepEqual(await list({ type: 'mail' }), ['4'])
    assert.deepEqual(await list({ status: [] }), [])
    assert.deepEqual(await list({ status: ['failed'], before: '1' }), [])
    assert.deepEqual(ids(await store.list({ owner: allOwners, status: ['failed'], limit: 10 })), ['1'])
    assert.deepEqual(await store.list({ owner: 'bob', status: ['failed'], limit: 10 }), [])
  })

  check('deliveries: those of one job, oldest first', async ({ store, clock }) => {
    const add = async (id: string, parent: string) => {
      await clock.advance(1)
      await store.insert([{ job: job(clock, { id, queue: 'deliveries', parent }) }])
    }
    await add('z', 'a')
    await add('y', 'a')
    await add('x', 'b')
    assert.deepEqual(ids(await store.deliveries('ann', 'a')), ['z', 'y'])
  })

  check('failedDeliveries: those of an owner since a time, in pages', async ({ store, clock }) => {
    const fail = async (id: string, given: Partial<NewJob> = {}) => {
      await clock.advance(10)
      await store.insert([{ job: job(clock, { id, queue: 'deliveries', parent: 'p', ...given }) }])
      const [running] = await store.claim({ ...asked, queue: given.queue ?? 'deliveries' })
      assert.ok(running)
      const failed = rules.fail(running, clock.now(), { code: 'x', message: 'x', retryable: false }, clock.now())
      await store.replace([applied(running, failed, clock)])
      return clock.now()
    }
    await fail('z')
    const since = await fail('y')
    await fail('b')
    await fail('a', { owner: 'bob' })
    await fail('c', { queue: 'jobs' })
    await store.insert([{ job: job(clock, { id: 'd', queue: 'deliveries', parent: 'p' }) }])
    assert.deepEqual(ids(await store.failedDeliveries('ann', since, null, 10)), ['b', 'y'])
    assert.deepEqual(ids(await store.failedDeliveries('ann', 0, null, 2)), ['b', 'y'])
    assert.deepEqual(ids(await store.failedDeliveries(allOwners, 0, 'b', 10)), ['y', 'z'])
    assert.deepEqual(await store.failedDeliveries('ann', clock.now() + 1, null, 10), [])
  })

  check('position: the position among due jobs, or null', async ({ store, clock }) => {
    const jobs = [
      job(clock, { id: 'b' }),
      job(clock, { id: 'a' }),
      job(clock, { id: 'h', priority: 'high' }),
      job(clock, { id: 'later', runAt: clock.now() + 9, priority: 'high' }),
      job(clock, { id: 'd', queue: 'deliveries' }),
    ]
    await store.insert(jobs.map((one) => ({ job: one })))
    const places = async () => Promise.all(jobs.map((one) => store.position(one)))
    // Null is always allowed: a store returns a position only if it can determine it cheaply.
    const fits = (real: (number | null)[], right: (number | null)[]) =>
      assert.ok(
        real.every((place, i) => place === null || place === right[i]),
        `${real} for ${right}`,
      )
    fits(await places(), [3, 2, 1, null, 1])
    await store.claim({ ...asked, limit: 1 })
    fits(await places(), [2, 1, null, null, 1])
  })

  check('stats: the number of jobs in each status, by queue', async ({ store, clock }) => {
    const zero = { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 }
    assert.deepEqual(await store.stats(), { jobs: zero, deliveries: zero })
    await store.insert(
      ['a', 'b', 'c', 'd'].map((id) => ({ job: job(clock, { id, webhookUrl: 'https://example.com' }) })),
    )
    const [a, b] = await store.claim({ ...asked, limit: 2 })
    await store.replace([applied(a!, rules.succeed(a!, clock.now(), '1'), clock)])
    const [, , c] = await store.get(allOwners, ['a', 'b', 'c'])
    await store.replace([applied(c!, rules.cancel(c!, clock.now()), clock)])
    assert.equal(b?.id, 'b')
    assert.deepEqual(await store.stats(), {
      jobs: { ...zero, pending: 1, running: 1, completed: 1, cancelled: 1 },
      deliveries: { ...zero, pending: 2 },
    })
  })
}
