import assert from 'node:assert/strict'
import * as rules from '../../domain/rules.ts'
import { applied, asked, type Check, ids, job, lease } from './fixture.ts'

export function leasing(check: Check): void {
  check('renew: extends the lease and changes nothing else', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await store.claim(asked)
    await clock.advance(10)
    assert.deepEqual(await store.renew([lease('a')], 500), [running?.version])
    assert.deepEqual(await store.get('ann', ['a']), [{ ...running, leaseUntil: clock.now() + 500 }])
  })

  check('renew: null for a lease that is no longer valid', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id }) })))
    const [a] = await store.claim({ ...asked, limit: 2 })
    await store.replace([applied(a!, rules.succeed(a!, clock.now(), '1'), clock)])
    const leases = [lease('a'), lease('b'), lease('c'), lease('gone'), lease('b', 2), lease('b', 1, 'another')]
    assert.deepEqual(await store.renew(leases, 500), [null, 2, null, null, null, null])
    assert.deepEqual(await store.renew([], 500), [])
  })

  check('renew: a swap based on an older lease does not shorten the lease', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await store.claim(asked)
    await clock.advance(10)
    await store.renew([lease('a')], 50_000)
    const until = clock.now() + 50_000
    const progressed = applied(running!, rules.progress(running!, 10, null), clock)
    assert.deepEqual(await store.replace([progressed]), [true])
    assert.equal((await store.get('ann', ['a']))[0]?.leaseUntil, until)
    await store.replace([applied(progressed.after, rules.release(progressed.after, clock.now()), clock)])
    assert.equal((await store.get('ann', ['a']))[0]?.leaseUntil, null)
  })

  check('expiredLeases: running jobs whose lease has expired by the store’s clock', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c', 'd'].map((id) => ({ job: job(clock, { id }) })))
    const [a] = await store.claim({ ...asked, limit: 1, leaseMs: 100 })
    const [b] = await store.claim({ ...asked, limit: 1, leaseMs: 100 })
    const [c] = await store.claim({ ...asked, limit: 1, leaseMs: 100 })
    await store.renew([lease('b')], 101)
    await store.replace([applied(c!, rules.succeed(c!, clock.now(), '1'), clock)])
    await clock.advance(99)
    assert.deepEqual(await store.expiredLeases(10), [])
    await clock.advance(1)
    assert.deepEqual(await store.expiredLeases(10), [a])
    await clock.advance(1)
    assert.deepEqual(ids(await store.expiredLeases(10)).sort(), ['a', 'b'])
    assert.equal((await store.expiredLeases(1)).length, 1)
    assert.equal(b?.id, 'b')
  })
}
