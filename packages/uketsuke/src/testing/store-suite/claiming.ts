import assert from 'node:assert/strict'
import type { Job, NewJob } from '../../domain/job.ts'
import { inClaimOrder } from '../../domain/job.ts'
import * as rules from '../../domain/rules.ts'
import { allOwners } from '../../store/port.ts'
import { asked, type Check, ids, job } from './fixture.ts'

export function claiming(check: Check): void {
  check('claim: returns and stores the result of the rule', async ({ store, clock }) => {
    const waiting = job(clock, { id: 'a' })
    await store.insert([{ job: waiting }])
    await clock.advance(5)
    const expected = rules.claim(waiting, clock.now(), asked)
    assert.deepEqual(await store.claim(asked), [expected])
    assert.deepEqual(await store.get('ann', ['a']), [expected])
    assert.deepEqual(await store.claim(asked), [])
  })

  check('claim: equals separate selection, rule and swap', async ({ store, clock }) => {
    // A fixed sequence of all combinations, in an order that is neither the expected one nor its reverse.
    const jobs = Array.from({ length: 120 }, (_, i) =>
      job(clock, {
        id: `job-${(i * 37) % 120}`,
        queue: i % 7 === 0 ? 'deliveries' : 'jobs',
        type: ['report', 'mail', 'other'][i % 3] ?? '',
        priority: i % 4 === 0 ? 'high' : 'normal',
        runAt: clock.now() + ((i * 13) % 5) - 2,
      }),
    )
    await store.insert(jobs.map((one) => ({ job: one })))
    for (const limit of [1, 5, 100]) {
      const before = (await store.get(
        allOwners,
        jobs.map(({ id }) => id),
      )) as Job[]
      const query = { ...asked, types: ['report', 'mail'], limit }
      const expected = before
        .filter((one) => one.queue === 'jobs' && query.types.includes(one.type))
        .sort(inClaimOrder)
        .flatMap((one) => rules.claim(one, clock.now(), query) ?? [])
        .slice(0, limit)
      assert.deepEqual(await store.claim(query), expected)
    }
  })

  check('claim: high first, then by runAt and id', async ({ store, clock }) => {
    const at = (id: string, asked: Partial<NewJob>) => ({ job: job(clock, { id, ...asked }) })
    const now = clock.now()
    await store.insert([
      at('n-late', { runAt: now }),
      at('h2', { priority: 'high' }),
      at('n-early', { runAt: now - 9 }),
      at('h1', { priority: 'high' }),
      at('h-early', { priority: 'high', runAt: now - 1 }),
    ])
    const order = (await store.claim({ ...asked, limit: 4 })).map(({ id }) => id)
    assert.deepEqual(order, ['h-early', 'h1', 'h2', 'n-early'])
    assert.deepEqual(ids(await store.claim(asked)), ['n-late'])
  })

  check('claim: only the requested queue and types', async ({ store, clock }) => {
    await store.insert([
      { job: job(clock, { id: 'a', type: 'mail' }) },
      { job: job(clock, { id: 'b', queue: 'deliveries' }) },
      { job: job(clock, { id: 'c' }) },
    ])
    assert.deepEqual(await store.claim({ ...asked, types: [] }), [])
    assert.deepEqual(await store.claim({ ...asked, types: ['Report', 'rep'] }), [])
    assert.deepEqual(ids(await store.claim(asked)), ['c'])
    assert.deepEqual(ids(await store.claim({ ...asked, queue: 'deliveries' })), ['b'])
  })

  check('claim: a scheduled job is not claimed before it is due by the store’s clock', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', runAt: clock.now() + 100, priority: 'high' }) }])
    await clock.advance(99)
    assert.deepEqual(await store.claim(asked), [])
    await clock.advance(1)
    assert.deepEqual(ids(await store.claim(asked)), ['a'])
  })

  check('nextDue: the earliest due time of this queue and these types', async ({ store, clock }) => {
    const now = clock.now()
    await store.insert([
      { job: job(clock, { id: 'a', runAt: now + 50 }) },
      { job: job(clock, { id: 'b', runAt: now + 70, priority: 'high' }) },
      { job: job(clock, { id: 'c', runAt: now + 10, type: 'mail' }) },
      { job: job(clock, { id: 'd', runAt: now + 20, queue: 'deliveries' }) },
    ])
    assert.equal(await store.nextDue('jobs', ['report']), now + 50)
    assert.equal(await store.nextDue('jobs', ['mail', 'report']), now + 10)
    assert.equal(await store.nextDue('deliveries', ['report']), now + 20)
    assert.equal(await store.nextDue('deliveries', ['mail']), null)
    await clock.advance(60)
    await store.claim(asked)
    assert.equal(await store.nextDue('jobs', ['report']), now + 70)
  })
}
