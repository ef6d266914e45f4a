import assert from 'node:assert/strict'
import * as rules from '../../domain/rules.ts'
import { allOwners } from '../../store/port.ts'
import { applied, asked, type Check, end, giveBack, job } from './fixture.ts'

export function removing(check: Check): void {
  check('remove: a terminal job, with its attempts and deliveries', async ({ store, clock }) => {
    await store.insert(['a', 'b'].map((id) => ({ job: job(clock, { id, webhookUrl: 'https://example.com' }) })))
    assert.equal(await store.remove('ann', 'a'), false)
    await giveBack(store, clock)
    const [running] = await store.claim({ ...asked, limit: 1 })
    assert.equal(await store.remove('ann', 'a'), false)
    await store.replace([applied(running!, rules.succeed(running!, clock.now(), '1'), clock)])
    await end(store, clock)
    assert.equal(await store.remove('ann', 'a'), true)
    assert.equal(await store.remove('ann', 'a'), false)
    assert.deepEqual(await store.get(allOwners, ['a', 'a-webhook']), [null, null])
    assert.equal((await store.get(allOwners, ['b', 'b-webhook'])).filter(Boolean).length, 2)
    // A new job with the same id would reveal leftover rows.
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    assert.deepEqual(await store.attempts('ann', 'a'), [])
    assert.deepEqual(await store.deliveries('ann', 'a'), [])
    assert.equal((await store.attempts('ann', 'b')).length, 1)
  })

  check('prune: expired jobs, up to the limit', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id, retainFor: 100 }) })))
    await store.insert([{ job: job(clock, { id: 'kept', retainFor: 101 }) }])
    await giveBack(store, clock)
    await end(store, clock)
    await store.insert([{ job: job(clock, { id: 'waits', retainFor: 1 }) }])
    await clock.advance(99)
    assert.equal(await store.prune(10), 0)
    await clock.advance(1)
    assert.equal(await store.prune(2), 2)
    assert.equal(await store.prune(2), 1)
    assert.equal(await store.prune(2), 0)
    const left = await store.get('ann', ['a', 'b', 'c', 'kept', 'waits'])
    assert.deepEqual(
      left.map((one) => one?.id ?? null),
      [null, null, null, 'kept', 'waits'],
    )
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    assert.deepEqual(await store.attempts('ann', 'a'), [])
    assert.equal((await store.attempts('ann', 'kept')).length, 1)
  })

  check('prune: a job with an unfinished delivery is kept', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', retainFor: 100, webhookUrl: 'https://example.com' }) }])
    await end(store, clock)
    await clock.advance(1_000)
    assert.equal(await store.prune(10), 0)
    const [delivery] = await store.claim({ ...asked, queue: 'deliveries', types: ['uketsuke.webhook'] })
    await store.replace([applied(delivery!, rules.succeed(delivery!, clock.now(), '{}'), clock)])
    assert.equal(await store.prune(10), 1)
    await clock.advance(100)
    assert.equal(await store.prune(10), 1)
    assert.deepEqual(await store.get(allOwners, ['a', 'a-webhook']), [null, null])
  })

  check('pruneType: removes the oldest finished jobs of a type beyond a number', async ({ store, clock }) => {
    await store.indexEnded()
    await store.indexEnded()
    await store.insert(['1', '2', '3', '4', '5'].map((id) => ({ job: job(clock, { id }) })))
    await store.insert([{ job: job(clock, { id: '0', type: 'mail' }) }])
    await store.insert([{ job: job(clock, { id: '1-webhook', queue: 'deliveries', parent: '1' }) }])
    await end(store, clock)
    await store.insert([{ job: job(clock, { id: '6' }) }])
    assert.equal(await store.pruneType('report', 5, 10), 0)
    // Its webhook is still on its way.
    assert.equal(await store.pruneType('report', 1, 2), 2)
    const left = async () => (await store.list({ owner: 'ann', limit: 10 })).map(({ id }) => id)
    assert.deepEqual(await left(), ['6', '5', '4', '1', '0'])
    assert.equal(await store.pruneType('report', 1, 10), 1)
    assert.deepEqual(await left(), ['6', '5', '1', '0'])
    assert.equal(await store.pruneType('report', 0, 10), 1)
    // It has not ended.
    assert.equal(await store.pruneType('mail', 0, 10), 0)
    assert.deepEqual(await left(), ['6', '1', '0'])
  })
}
