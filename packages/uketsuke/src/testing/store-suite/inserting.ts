import assert from 'node:assert/strict'
import { change } from '../../domain/change.ts'
import * as rules from '../../domain/rules.ts'
import { allOwners, type Insert } from '../../store/port.ts'
import { allowed, applied, asked, type Check, end, job, key } from './fixture.ts'

export function inserting(check: Check): void {
  check('insert: jobs are read as they were written', async ({ store, clock }) => {
    const full = job(clock, {
      id: 'full',
      priority: 'high',
      metadata: '{"a":[1,null]}',
      webhookUrl: 'https://example.com/ü?x=1',
      retryOf: 'other',
      runAt: clock.now() + 5,
    })
    const plain = job(clock, { id: 'plain' })
    const inserted = await store.insert([{ job: full }, { job: plain }])
    assert.deepEqual(inserted, [
      { job: full, created: true, fingerprint: null },
      { job: plain, created: true, fingerprint: null },
    ])
    assert.deepEqual(await store.get('ann', ['plain', 'full']), [plain, full])
    assert.deepEqual(await store.insert([]), [])
  })

  check('insert: all text is preserved', async ({ store, clock }) => {
    const awkward = 'NUL \u0000, U+0001 \u0001\u00010, U+2028 \u2028, 漢字, 🚀, "quotes\' \\ and\r\nlines %_'
    const input = JSON.stringify({ awkward, padding: 'ä'.repeat(500_000) })
    const odd = job(clock, { id: 'odd', owner: allowed.owner, type: awkward, input, metadata: JSON.stringify(awkward) })
    await store.insert([{ job: odd, key: key('k', { route: awkward, key: allowed.key, fingerprint: awkward }) }])
    assert.deepEqual(await store.get(allowed.owner, ['odd']), [odd])
    assert.deepEqual(await store.get('NUL ', ['odd']), [null])
    const again = await store.insert([
      { job: job(clock, { id: 'x', owner: allowed.owner }), key: key('k', { route: awkward, key: allowed.key }) },
    ])
    assert.deepEqual(again, [{ job: odd, created: false, fingerprint: awkward }])

    const [claimed] = await store.claim({ ...asked, types: [awkward], worker: awkward })
    assert.equal(claimed?.worker, awkward)
    const error = { code: awkward, message: awkward, retryable: true }
    const progressed = rules.progress(claimed, 5, awkward)
    assert.ok(progressed)
    const failed = rules.fail(progressed, clock.now(), error, clock.now())
    assert.ok(failed)
    assert.deepEqual(await store.replace([change(claimed, progressed, clock.now())]), [true])
    assert.deepEqual(await store.replace([change(progressed, failed, clock.now())]), [true])
    assert.deepEqual(await store.get(allOwners, ['odd']), [failed])
    assert.equal((await store.attempts(allowed.owner, 'odd'))[0]?.error?.message, awkward)
    assert.equal((await store.list({ owner: allowed.owner, type: awkward, limit: 10 })).length, 1)
    assert.equal(await store.shared(awkward, awkward), awkward)
  })

  check('insert: an id with NUL does not match the part before it', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    assert.deepEqual(await store.get('ann', ['a\u0000', 'a\u0000b']), [null, null])
  })

  check('insert: an existing id fails the whole batch and nothing else', async ({ store, clock }) => {
    const first = job(clock, { id: 'a' })
    await store.insert([{ job: first }])
    const batch = [{ job: job(clock, { id: 'b' }), key: key('k') }, { job: job(clock, { id: 'a', owner: 'bob' }) }]
    await assert.rejects(store.insert(batch))
    assert.deepEqual(await store.get(allOwners, ['a', 'b']), [first, null])
    // The key was not stored either.
    assert.equal((await store.insert([{ job: job(clock, { id: 'c' }), key: key('k') }]))[0]?.created, true)
  })

  check('insert: a key creates one job, within one batch and across batches', async ({ store, clock }) => {
    const [a, b, c] = [job(clock, { id: 'a' }), job(clock, { id: 'b' }), job(clock, { id: 'c' })]
    const batch = await store.insert([
      { job: a, key: key('k') },
      { job: b, key: key('k', { fingerprint: 'another' }) },
    ])
    assert.deepEqual(batch, [
      { job: a, created: true, fingerprint: 'print' },
      { job: a, created: false, fingerprint: 'print' },
    ])
    const [claimed] = await store.claim(asked)
    const later = await store.insert([{ job: c, key: key('k', { fingerprint: 'another' }) }])
    assert.deepEqual(later, [{ job: claimed, created: false, fingerprint: 'print' }])
    assert.deepEqual(await store.get('ann', ['b', 'c']), [null, null])
  })

  check('insert: the same key with another owner or route is a different key', async ({ store, clock }) => {
    const results = await store.insert([
      { job: job(clock, { id: 'a' }), key: key('k') },
      { job: job(clock, { id: 'b', owner: 'bob' }), key: key('k') },
      { job: job(clock, { id: 'c' }), key: key('k', { route: 'retry' }) },
      { job: job(clock, { id: 'd' }), key: key('K') },
    ])
    assert.deepEqual(
      results.map((result) => result.created),
      [true, true, true, true],
    )
  })

  check('insert: a unique key creates no second job until the first has ended', async ({ store, clock }) => {
    const insert = (id: string, more: Partial<Insert> = {}) => ({ job: job(clock, { id }), uniqueKey: 'u', ...more })
    const [a, other, twin] = await store.insert([insert('a'), insert('b', { uniqueKey: 'v' }), insert('c')])
    assert.deepEqual(a, { job: job(clock, { id: 'a' }), created: true, fingerprint: null })
    assert.equal(other?.created, true)
    assert.deepEqual(twin, { job: a.job, created: false, deduplicated: true, fingerprint: null })
    assert.deepEqual(await store.holder('u'), a.job)
    const [running] = await store.claim({ ...asked, limit: 1 })
    assert.deepEqual(await store.insert([insert('d')]), [{ ...twin, job: running }])
    assert.equal(running?.id, 'a')
    await store.replace([applied(running, rules.succeed(running, clock.now(), '1'), clock)])
    assert.equal(await store.holder('u'), null)
    assert.equal((await store.insert([insert('e')]))[0]?.created, true)
    assert.equal((await store.holder('u'))?.id, 'e')
    assert.deepEqual(await store.get('ann', ['c', 'd']), [null, null])
    assert.equal(await store.remove('ann', 'a'), true)
    assert.equal((await store.holder('u'))?.id, 'e')
    await end(store, clock)
    assert.equal(await store.remove('ann', 'e'), true)
    assert.equal((await store.insert([insert('f')]))[0]?.created, true)
  })

  check('insert: an idempotency key comes before a unique key, and is bound to its job', async ({ store, clock }) => {
    const insert = async (id: string, name: string, uniqueKey: string) =>
      (await store.insert([{ job: job(clock, { id }), key: key(name), uniqueKey }]))[0]
    const a = await insert('a', 'k', 'u')
    assert.deepEqual(await insert('b', 'k', 'v'), { ...a, created: false })
    assert.equal(await store.holder('v'), null)
    assert.deepEqual(await insert('c', 'l', 'u'), { ...a, created: false, deduplicated: true })
    await end(store, clock)
    assert.equal((await insert('d', 'l', 'u'))?.job?.id, 'a')
    assert.equal((await insert('e', 'm', 'u'))?.created, true)
  })

  check('insert: with unique keys, a batch fails as a whole', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const batch = ['b', 'a'].map((id) => ({ job: job(clock, { id }), key: key(id), uniqueKey: id }))
    await assert.rejects(store.insert(batch))
    assert.deepEqual(
      [await store.holder('a'), await store.holder('b'), await store.keyed('ann', 'jobs', 'b')],
      [null, null, null],
    )
  })

  check('keyed: what a key has created, for its owner and route only', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }), key: key(allowed.key) }])
    assert.equal((await store.keyed('ann', 'jobs', allowed.key))?.job?.id, 'a')
    assert.equal((await store.keyed('ann', 'jobs', allowed.key))?.fingerprint, 'print')
    for (const [owner, route, name] of [
      ['bob', 'jobs', allowed.key],
      ['ann', 'other', allowed.key],
      ['ann', 'jobs', 'k'],
    ] as const) {
      assert.equal(await store.keyed(owner, route, name), null)
    }
    await end(store, clock)
    assert.equal(await store.remove('ann', 'a'), true)
    assert.deepEqual(await store.keyed('ann', 'jobs', allowed.key), { job: null, fingerprint: 'print' })
  })

  check('countWaiting: the pending jobs of an owner, up to a bound', async ({ store, clock }) => {
    await store.indexWaiting()
    await store.indexWaiting()
    const later = { runAt: clock.now() + 60_000 }
    const jobs = ['a', 'b', 'c'].map((id) => job(clock, { id })).concat(job(clock, { id: 'd', ...later }))
    await store.insert([...jobs, job(clock, { id: 'e', owner: 'bob' })].map((one) => ({ job: one })))
    const counts = () =>
      Promise.all([store.countWaiting('ann', 10), store.countWaiting('ann', 2), store.countWaiting('bob', 10)])
    assert.deepEqual(await counts(), [4, 2, 1])
    await store.claim({ ...asked, limit: 2 })
    assert.deepEqual(await counts(), [2, 2, 1])
    await end(store, clock)
    assert.deepEqual(await counts(), [1, 1, 0])
  })

  check('insert: a key outlives its job and is free after it is pruned', async ({ store, clock }) => {
    const expiresAt = clock.now() + 1_000
    const insert = (id: string) => store.insert([{ job: job(clock, { id }), key: key('k', { expiresAt }) }])
    await insert('a')
    await end(store, clock)
    assert.equal(await store.remove('ann', 'a'), true)
    assert.deepEqual(await insert('b'), [{ job: null, created: false, fingerprint: 'print' }])
    await store.prune(10)
    assert.equal((await insert('c'))[0]?.created, false)
    await clock.advance(1_000)
    await store.prune(10)
    assert.equal((await insert('d'))[0]?.created, true)
  })
}
