import assert from 'node:assert/strict'
import type { Job } from '../../domain/job.ts'
import * as rules from '../../domain/rules.ts'
import { anyLease, type NewFragment } from '../../store/fragments.ts'
import { allOwners, type Store } from '../../store/port.ts'
import { applied, asked, type Check, end, job, lease } from './fixture.ts'

const fragment = (id: string, key: string, value = 'x', given: Partial<NewFragment> = {}): NewFragment => ({
  lease: lease(id),
  kind: 'step',
  key,
  value,
  ...given,
})
const read = async (store: Store, jobId: string, more = {}) =>
  (await store.fragments({ owner: 'ann', jobId, kind: 'step', after: null, limit: 100, ...more })).map(
    ({ key, value }) => `${key}=${value}`,
  )

export function fragments(check: Check): void {
  check('fragments: stored once, and read in bytewise order', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }, { job: job(clock, { id: 'b' }) }])
    await store.claim(asked)
    const odd = '"é\u0000\u0001'
    const all = [
      fragment('b', '2'),
      fragment('a', 'é', odd),
      fragment('a', 'b'),
      fragment('a', 'C'),
      fragment('b', '1'),
    ]
    assert.deepEqual(await store.addFragments(all), [true, true, true, true, true])
    assert.deepEqual(await store.addFragments([fragment('a', 'b', 'changed')]), [true])
    const twice = [fragment('b', '3', 'first'), fragment('b', '3', 'second')]
    assert.deepEqual(await store.addFragments(twice), [true, true])
    assert.deepEqual(await read(store, 'b', { after: '2' }), ['3=first'])
    assert.deepEqual(await store.addFragments([]), [])
    assert.deepEqual(await read(store, 'a'), ['C=x', 'b=x', `é=${odd}`])
    assert.deepEqual(await read(store, 'a', { after: 'C', limit: 1 }), ['b=x'])
    assert.deepEqual(await read(store, 'b'), ['1=x', '2=x', '3=first'])
    assert.deepEqual(await read(store, 'a', { descending: true, limit: 2 }), [`é=${odd}`, 'b=x'])
    assert.deepEqual(await read(store, 'a', { kind: 'other' }), [])
  })

  check('fragments: refused without the lease, whatever the others in the batch', async ({ store, clock }) => {
    await store.insert(['a', 'b'].map((id) => ({ job: job(clock, { id }) })))
    assert.deepEqual(await store.addFragments([fragment('a', '1')]), [false])
    const [running] = (await store.claim(asked)) as [Job, Job]
    const others = [lease('a', 2), lease('a', 1, 'another'), lease('absent')]
    const refused = others.map((lease) => fragment('a', '1', 'x', { lease }))
    assert.deepEqual(await store.addFragments([...refused, fragment('b', '1')]), [false, false, false, true])
    await store.replace([applied(running, rules.succeed(running, clock.now(), '1'), clock)])
    assert.deepEqual(await store.addFragments([fragment('a', '2')]), [false])
    assert.deepEqual(await read(store, 'a'), [])
    assert.deepEqual(await read(store, 'b'), ['1=x'])
  })

  check('fragments: without a lease, added to a job in any state, as long as it exists', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const added = (key: string, id = 'a') => store.addFragments([fragment(id, key, 'x', { lease: anyLease(id) })])
    assert.deepEqual(await added('pending'), [true])
    const [running] = (await store.claim(asked)) as [Job]
    const both = [fragment('a', 'held'), fragment('a', 'free', 'x', { lease: anyLease('a') })]
    const refused = fragment('a', 'refused', 'x', { lease: lease('a', 2) })
    const absent = fragment('b', 'absent', 'x', { lease: anyLease('b') })
    assert.deepEqual(await store.addFragments([...both, refused, absent]), [true, true, false, false])
    const again = fragment('a', 'held', 'changed', { lease: anyLease('a') })
    assert.deepEqual(await store.addFragments([again]), [true])
    await store.replace([applied(running, rules.succeed(running, clock.now(), '1'), clock)])
    assert.deepEqual(await added('ended'), [true])
    assert.deepEqual(await read(store, 'a'), ['ended=x', 'free=x', 'held=x', 'pending=x'])
    await store.remove('ann', 'a')
    assert.deepEqual(await added('removed'), [false])
  })

  check('fragments: a later attempt reads and adds', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [first] = await store.claim(asked)
    await store.addFragments([fragment('a', '1')])
    const failure = { code: 'x', message: 'y', retryable: true }
    await store.replace([applied(first!, rules.fail(first!, clock.now(), failure, clock.now()), clock)])
    assert.deepEqual(await store.addFragments([fragment('a', '2')]), [false])
    await store.claim(asked)
    const added = [fragment('a', '2', 'late'), fragment('a', '2', 'second', { lease: lease('a', 2) })]
    assert.deepEqual(await store.addFragments(added), [false, true])
    assert.deepEqual(await read(store, 'a'), ['1=x', '2=second'])
  })

  check('fragments: of a foreign job are like those of an absent one', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    await store.claim(asked)
    await store.addFragments([fragment('a', '1')])
    assert.deepEqual(await read(store, 'a', { owner: 'bob' }), [])
    assert.deepEqual(await read(store, 'a', { owner: allOwners }), ['1=x'])
    await assert.rejects(read(store, 'a', { owner: '' }), { code: 'invalid-owner' })
  })

  check('fragments: removed with their job, and by each way of pruning', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id, retainFor: id === 'b' ? 1 : 1_000 }) })))
    await store.claim({ ...asked, limit: 3 })
    await store.addFragments(['a', 'b', 'c'].map((id) => fragment(id, '1')))
    for (const running of await store.get(allOwners, ['a', 'b', 'c'])) {
      await store.replace([applied(running!, rules.succeed(running!, clock.now(), '1'), clock)])
    }
    await store.remove('ann', 'a')
    await clock.advance(1)
    assert.equal(await store.prune(10), 1)
    await store.indexEnded()
    assert.equal(await store.pruneType('report', 0, 10), 1)
    // A new job with the same id would reveal leftover rows.
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id }) })))
    for (const id of ['a', 'b', 'c']) assert.deepEqual(await read(store, id, { owner: allOwners }), [])
    await end(store, clock)
  })
}
