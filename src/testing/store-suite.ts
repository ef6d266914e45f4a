import assert from 'node:assert/strict'
import type { Clock } from '../clock.ts'
import { change } from '../domain/change.ts'
import type { Change, Job, NewJob } from '../domain/job.ts'
import * as rules from '../domain/rules.ts'
import { type ClaimQuery, everyone, type IdempotencyKey, type Store } from '../store/port.ts'
import { type ManualClock, manualClock } from './clock.ts'

export interface StoreSuite {
  /** Declares one test, such as `test` of node:test or vitest. */
  test(name: string, fn: () => Promise<void>): void
  /** A new, empty store. The suite migrates and closes it. */
  open(clock: Clock): Promise<Store>
  /** Two handles on one new, empty store, as two processes have them. Left out where a store is one process's own. */
  openTwice?(clock: Clock): Promise<[Store, Store]>
}

interface Bench {
  store: Store
  clock: ManualClock
}

/** What every store must do: the port's promises, one test each. Whoever writes a store runs this over it. */
export function storeSuite({ test, open, openTwice }: StoreSuite): void {
  const check = (name: string, body: (bench: Bench) => Promise<void>) =>
    test(name, async () => {
      const clock = manualClock()
      const store = await open(clock)
      try {
        await store.migrate()
        await body({ store, clock })
      } finally {
        await store.close()
      }
    })

  for (const group of [inserting, claiming, swapping, leasing, reading, removing, sharing]) group(check)
  if (openTwice !== undefined) together(test, openTwice)
}

type Check = (name: string, body: (bench: Bench) => Promise<void>) => void

function inserting(check: Check): void {
  check('insert: what was written is what is read', async ({ store, clock }) => {
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

  check('insert: every text comes back whole', async ({ store, clock }) => {
    const awkward = 'NUL \u0000, U+0001 \u0001\u00010, U+2028 \u2028, 漢字, 🚀, "quotes\' \\ and\r\nlines %_'
    const input = JSON.stringify({ awkward, padding: 'ä'.repeat(500_000) })
    const odd = job(clock, { id: 'odd', owner: awkward, type: awkward, input, metadata: JSON.stringify(awkward) })
    await store.insert([{ job: odd, key: key('k', { route: awkward, key: awkward, fingerprint: awkward }) }])
    assert.deepEqual(await store.get(awkward, ['odd']), [odd])
    assert.deepEqual(await store.get('NUL ', ['odd']), [null])
    const again = await store.insert([
      { job: job(clock, { id: 'x', owner: awkward }), key: key('k', { route: awkward, key: awkward }) },
    ])
    assert.deepEqual(again, [{ job: odd, created: false, fingerprint: awkward }])

    const [claimed] = await store.claim({ ...asked, types: [awkward], worker: awkward })
    assert.equal(claimed?.worker, awkward)
    const error = { code: awkward, message: awkward, retryable: true }
    const told = rules.progress(claimed, 5, awkward)
    assert.ok(told)
    const failed = rules.fail(told, clock.now(), error, clock.now())
    assert.ok(failed)
    assert.deepEqual(await store.replace([change(claimed, told, clock.now())]), [true])
    assert.deepEqual(await store.replace([change(told, failed, clock.now())]), [true])
    assert.deepEqual(await store.get(everyone, ['odd']), [failed])
    assert.equal((await store.attempts(awkward, 'odd'))[0]?.error?.message, awkward)
    assert.equal((await store.list({ owner: awkward, type: awkward, limit: 10 })).length, 1)
    assert.equal(await store.shared(awkward, awkward), awkward)
  })

  check('insert: an id ending in NUL is not the id before it', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    assert.deepEqual(await store.get('ann', ['a\u0000', 'a\u0000b']), [null, null])
  })

  check('insert: an id that is stored fails the whole batch and nothing else', async ({ store, clock }) => {
    const first = job(clock, { id: 'a' })
    await store.insert([{ job: first }])
    const batch = [{ job: job(clock, { id: 'b' }), key: key('k') }, { job: job(clock, { id: 'a', owner: 'bob' }) }]
    await assert.rejects(store.insert(batch))
    assert.deepEqual(await store.get(everyone, ['a', 'b']), [first, null])
    // The key was not remembered either.
    assert.equal((await store.insert([{ job: job(clock, { id: 'c' }), key: key('k') }]))[0]?.created, true)
  })

  check('insert: a key makes one job, in one batch and over several', async ({ store, clock }) => {
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

  check('insert: the same key of another owner or route is another key', async ({ store, clock }) => {
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

  check('insert: a key outlives its job and is free once it was pruned', async ({ store, clock }) => {
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

function claiming(check: Check): void {
  check('claim: gives what the rule gives, and stores it', async ({ store, clock }) => {
    const waiting = job(clock, { id: 'a' })
    await store.insert([{ job: waiting }])
    await clock.advance(5)
    const expected = rules.claim(waiting, clock.now(), asked)
    assert.deepEqual(await store.claim(asked), [expected])
    assert.deepEqual(await store.get('ann', ['a']), [expected])
    assert.deepEqual(await store.claim(asked), [])
  })

  check('claim: equals due, rule and swap taken apart', async ({ store, clock }) => {
    // A fixed walk through all combinations, in an order that is neither the expected one nor its reverse.
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
        everyone,
        jobs.map(({ id }) => id),
      )) as Job[]
      const query = { ...asked, types: ['report', 'mail'], limit }
      const expected = before
        .filter((one) => one.queue === 'jobs' && query.types.includes(one.type))
        .sort(byTurn)
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

  check('claim: only the queue and the types that were asked for', async ({ store, clock }) => {
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

  check('claim: a job for later waits for its time by the store’s clock', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', runAt: clock.now() + 100, priority: 'high' }) }])
    await clock.advance(99)
    assert.deepEqual(await store.claim(asked), [])
    await clock.advance(1)
    assert.deepEqual(ids(await store.claim(asked)), ['a'])
  })

  check('nextDue: the earliest of this queue and these types', async ({ store, clock }) => {
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

function swapping(check: Check): void {
  check('replace: in one batch the stale are lost and their neighbours are not', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id }) })))
    const claimed = await store.claim(asked)
    const told = claimed.map((one) => step(one, rules.progress(one, 10, 'ten'), clock))
    assert.deepEqual(await store.replace(told.slice(1, 2)), [true])
    const gone = step({ ...claimed[0]!, id: 'gone' }, { ...claimed[0]!, id: 'gone', version: 9 }, clock)
    assert.deepEqual(await store.replace([...told, gone]), [true, false, true, false])
    const now = await store.get('ann', ['a', 'b', 'c', 'gone'])
    assert.deepEqual(now, [...told.map(({ after }) => after), null])
    assert.deepEqual(await store.replace([]), [])
  })

  check('replace: spawn and attempt go with the swap, and only with it', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) }])
    const [running] = await store.claim(asked)
    assert.ok(running)
    const told = step(running, rules.progress(running, 50, null), clock)
    await store.replace([told])
    await clock.advance(7)
    const late = step(running, rules.succeed(running, clock.now(), '{}'), clock)
    assert.ok(late.spawn && late.attempt)
    assert.deepEqual(await store.replace([late]), [false])
    assert.deepEqual(await store.deliveries('ann', 'a'), [])
    assert.deepEqual(await store.attempts('ann', 'a'), [])

    const done = step(told.after, rules.succeed(told.after, clock.now(), '{"url":"…"}'), clock)
    assert.deepEqual(await store.replace([done]), [true])
    assert.deepEqual(await store.get('ann', ['a']), [done.after])
    assert.deepEqual(await store.deliveries('ann', 'a'), [done.spawn])
    assert.deepEqual(await store.attempts('ann', 'a'), [done.attempt])
  })

  check('replace: a spawn that is stored already is left as it stands', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) }])
    const there = job(clock, { id: 'a-webhook', queue: 'deliveries', parent: 'a', input: '"there"' })
    await store.insert([{ job: there }])
    const [running] = await store.claim(asked)
    const done = step(running!, rules.succeed(running!, clock.now(), '1'), clock)
    assert.deepEqual(await store.replace([done]), [true])
    assert.deepEqual(await store.get('ann', ['a', 'a-webhook']), [done.after, there])
  })

  check('replace: an attempt that was given back is logged again under its number', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    for (const rule of [rules.release, (one: Job, now: number) => rules.succeed(one, now, '1')]) {
      const [running] = await store.claim(asked)
      await clock.advance(1)
      assert.deepEqual(await store.replace([step(running!, rule(running!, clock.now()), clock)]), [true])
    }
    const log = (await store.attempts('ann', 'a')).map(({ attempt, outcome }) => [attempt, outcome])
    assert.deepEqual(log, [
      [1, 'released'],
      [1, 'completed'],
    ])
  })

  check('replace: of many writers from one version exactly one wins', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await store.claim(asked)
    const tries = Array.from({ length: 20 }, (_, i) => step(running!, rules.progress(running!, i + 1, null), clock))
    const results = await Promise.all(tries.map((one) => store.replace([one])))
    assert.equal(results.flat().filter(Boolean).length, 1)
    const winner = tries[results.findIndex(([won]) => won)]
    assert.deepEqual(await store.get('ann', ['a']), [winner?.after])
  })
}

function leasing(check: Check): void {
  check('renew: moves the lease, and nothing else', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await store.claim(asked)
    await clock.advance(10)
    assert.deepEqual(await store.renew([lease('a')], 500), [running?.version])
    assert.deepEqual(await store.get('ann', ['a']), [{ ...running, leaseUntil: clock.now() + 500 }])
  })

  check('renew: null for a lease that no longer stands', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id }) })))
    const [a] = await store.claim({ ...asked, limit: 2 })
    await store.replace([step(a!, rules.succeed(a!, clock.now(), '1'), clock)])
    const leases = [lease('a'), lease('b'), lease('c'), lease('gone'), lease('b', 2), lease('b', 1, 'another')]
    assert.deepEqual(await store.renew(leases, 500), [null, 2, null, null, null, null])
    assert.deepEqual(await store.renew([], 500), [])
  })

  check('renew: a swap from before it does not bring the lease forward', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await store.claim(asked)
    await clock.advance(10)
    await store.renew([lease('a')], 50_000)
    const until = clock.now() + 50_000
    const told = step(running!, rules.progress(running!, 10, null), clock)
    assert.deepEqual(await store.replace([told]), [true])
    assert.equal((await store.get('ann', ['a']))[0]?.leaseUntil, until)
    await store.replace([step(told.after, rules.release(told.after, clock.now()), clock)])
    assert.equal((await store.get('ann', ['a']))[0]?.leaseUntil, null)
  })

  check('lapsed: running jobs whose lease has ended by the store’s clock', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c', 'd'].map((id) => ({ job: job(clock, { id }) })))
    const [a] = await store.claim({ ...asked, limit: 1, leaseMs: 100 })
    const [b] = await store.claim({ ...asked, limit: 1, leaseMs: 100 })
    const [c] = await store.claim({ ...asked, limit: 1, leaseMs: 100 })
    await store.renew([lease('b')], 101)
    await store.replace([step(c!, rules.succeed(c!, clock.now(), '1'), clock)])
    await clock.advance(99)
    assert.deepEqual(await store.lapsed(10), [])
    await clock.advance(1)
    assert.deepEqual(await store.lapsed(10), [a])
    await clock.advance(1)
    assert.deepEqual(ids(await store.lapsed(10)).sort(), ['a', 'b'])
    assert.equal((await store.lapsed(1)).length, 1)
    assert.equal(b?.id, 'b')
  })
}

function reading(check: Check): void {
  check('owners: nobody sees or removes what is another’s', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', webhookUrl: 'https://example.com' }) }])
    await end(store, clock)
    for (const owner of ['bob', 'Ann', '']) {
      assert.deepEqual(await store.get(owner, ['a', 'a-webhook']), [null, null])
      assert.deepEqual(await store.list({ owner, limit: 10 }), [])
      assert.deepEqual(await store.deliveries(owner, 'a'), [])
      assert.deepEqual(await store.attempts(owner, 'a'), [])
      assert.equal(await store.remove(owner, 'a'), false)
    }
    for (const owner of ['ann', everyone] as const) {
      assert.equal((await store.get(owner, ['a', 'a-webhook'])).filter(Boolean).length, 2)
      assert.equal((await store.list({ owner, limit: 10 })).length, 1)
      assert.equal((await store.deliveries(owner, 'a')).length, 1)
      assert.equal((await store.attempts(owner, 'a')).length, 1)
    }
    assert.equal(await store.remove(everyone, 'a'), true)
  })

  check('get: in the order of the ids, null where there is none', async ({ store, clock }) => {
    await store.insert(['a', 'b'].map((id) => ({ job: job(clock, { id }) })))
    const read = await store.get('ann', ['b', 'gone', 'a', 'b'])
    assert.deepEqual(
      read.map((one) => one?.id ?? null),
      ['b', null, 'a', 'b'],
    )
    assert.deepEqual(await store.get('ann', []), [])
  })

  check('newer: only what now stands at a later version', async ({ store, clock }) => {
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
    assert.deepEqual(ids(await store.list({ owner: everyone, limit: 9 })), ['5', '4', '35', '3', '2', '1'])
  })

  check('list: by status and by type', async ({ store, clock }) => {
    await store.insert(['1', '2', '3'].map((id) => ({ job: job(clock, { id, maxAttempts: 1 }) })))
    await store.insert([{ job: job(clock, { id: '4', type: 'mail' }) }])
    const [first, second] = await store.claim({ ...asked, limit: 2 })
    const error = { code: 'x', message: 'y', retryable: false }
    await store.replace([step(first!, rules.fail(first!, clock.now(), error, 0), clock)])
    await store.replace([step(second!, rules.succeed(second!, clock.now(), '1'), clock)])
    const list = async (query: object) => ids(await store.list({ owner: 'ann', limit: 10, ...query }))
    assert.deepEqual(await list({ status: ['failed'] }), ['1'])
    assert.deepEqual(await list({ status: ['completed', 'failed'] }), ['2', '1'])
    assert.deepEqual(await list({ status: ['pending'], type: 'report' }), ['3'])
    assert.deepEqual(await list({ type: 'mail' }), ['4'])
    assert.deepEqual(await list({ status: [] }), [])
    assert.deepEqual(await list({ status: ['failed'], before: '1' }), [])
    assert.deepEqual(ids(await store.list({ owner: everyone, status: ['failed'], limit: 10 })), ['1'])
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

  check('position: the place among what is due, or null', async ({ store, clock }) => {
    const jobs = [
      job(clock, { id: 'b' }),
      job(clock, { id: 'a' }),
      job(clock, { id: 'h', priority: 'high' }),
      job(clock, { id: 'later', runAt: clock.now() + 9, priority: 'high' }),
      job(clock, { id: 'd', queue: 'deliveries' }),
    ]
    await store.insert(jobs.map((one) => ({ job: one })))
    const places = async () => Promise.all(jobs.map((one) => store.position(one)))
    // Null is always allowed: a store says a place only where it is cheap to know.
    const fits = (real: (number | null)[], right: (number | null)[]) =>
      assert.ok(
        real.every((place, i) => place === null || place === right[i]),
        `${real} for ${right}`,
      )
    fits(await places(), [3, 2, 1, null, 1])
    await store.claim({ ...asked, limit: 1 })
    fits(await places(), [2, 1, null, null, 1])
  })

  check('stats: how many stand in each status, by queue', async ({ store, clock }) => {
    const zero = { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 }
    assert.deepEqual(await store.stats(), { jobs: zero, deliveries: zero })
    await store.insert(
      ['a', 'b', 'c', 'd'].map((id) => ({ job: job(clock, { id, webhookUrl: 'https://example.com' }) })),
    )
    const [a, b] = await store.claim({ ...asked, limit: 2 })
    await store.replace([step(a!, rules.succeed(a!, clock.now(), '1'), clock)])
    const [, , c] = await store.get(everyone, ['a', 'b', 'c'])
    await store.replace([step(c!, rules.cancel(c!, clock.now()), clock)])
    assert.equal(b?.id, 'b')
    assert.deepEqual(await store.stats(), {
      jobs: { ...zero, pending: 1, running: 1, completed: 1, cancelled: 1 },
      deliveries: { ...zero, pending: 2 },
    })
  })
}

function removing(check: Check): void {
  check('remove: a terminal job, with its attempts and deliveries', async ({ store, clock }) => {
    await store.insert(['a', 'b'].map((id) => ({ job: job(clock, { id, webhookUrl: 'https://example.com' }) })))
    assert.equal(await store.remove('ann', 'a'), false)
    const [running] = await store.claim({ ...asked, limit: 1 })
    assert.equal(await store.remove('ann', 'a'), false)
    await store.replace([step(running!, rules.succeed(running!, clock.now(), '1'), clock)])
    await end(store, clock)
    assert.equal(await store.remove('ann', 'a'), true)
    assert.equal(await store.remove('ann', 'a'), false)
    assert.deepEqual(await store.get(everyone, ['a', 'a-webhook']), [null, null])
    assert.equal((await store.get(everyone, ['b', 'b-webhook'])).filter(Boolean).length, 2)
    // A new job under the old id would show what was left behind.
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    assert.deepEqual(await store.attempts('ann', 'a'), [])
    assert.deepEqual(await store.deliveries('ann', 'a'), [])
    assert.equal((await store.attempts('ann', 'b')).length, 1)
  })

  check('prune: what has expired, up to the limit', async ({ store, clock }) => {
    await store.insert(['a', 'b', 'c'].map((id) => ({ job: job(clock, { id, retainFor: 100 }) })))
    await store.insert([{ job: job(clock, { id: 'kept', retainFor: 101 }) }])
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
  })

  check('prune: a job whose delivery has not ended stays', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a', retainFor: 100, webhookUrl: 'https://example.com' }) }])
    await end(store, clock)
    await clock.advance(1_000)
    assert.equal(await store.prune(10), 0)
    const [delivery] = await store.claim({ ...asked, queue: 'deliveries', types: ['uketsuke.webhook'] })
    await store.replace([step(delivery!, rules.succeed(delivery!, clock.now(), '{}'), clock)])
    assert.equal(await store.prune(10), 1)
    await clock.advance(100)
    assert.equal(await store.prune(10), 1)
    assert.deepEqual(await store.get(everyone, ['a', 'a-webhook']), [null, null])
  })
}

function sharing(check: Check): void {
  check('shared: the first value stays', async ({ store }) => {
    assert.equal(await store.shared('secret', 'one'), 'one')
    assert.equal(await store.shared('secret', 'two'), 'one')
    assert.equal(await store.shared('other', 'two'), 'two')
  })

  check('migrate and close: once more does no harm', async ({ store, clock }) => {
    await store.insert([{ job: job(clock, { id: 'a' }) }])
    await store.migrate()
    assert.equal((await store.get('ann', ['a']))[0]?.id, 'a')
    assert.ok(store.description.engine.length > 0 && store.description.durability.length > 0)
    await store.close()
    await store.close()
  })
}

function together(test: StoreSuite['test'], openTwice: NonNullable<StoreSuite['openTwice']>): void {
  const check = (name: string, body: (stores: [Store, Store], clock: ManualClock) => Promise<void>) =>
    test(name, async () => {
      const clock = manualClock()
      const stores = await openTwice(clock)
      try {
        await Promise.all(stores.map((store) => store.migrate()))
        await body(stores, clock)
      } finally {
        await Promise.all(stores.map((store) => store.close()))
      }
    })

  check('two handles: claims never overlap and leave nothing out', async ([one, two], clock) => {
    const jobs = Array.from({ length: 200 }, (_, i) => job(clock, { id: `job-${i}` }))
    await one.insert(jobs.map((waiting) => ({ job: waiting })))
    const claims = Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).claim({ ...asked, limit: 7 }))
    const claimed = ids((await Promise.all(claims)).flat())
    assert.equal(new Set(claimed).size, claimed.length)
    const rest = ids(await two.claim({ ...asked, limit: 500 }))
    assert.deepEqual([...claimed, ...rest].sort(), ids(jobs).sort())
  })

  check('two handles: a race for one version has one winner', async ([one, two], clock) => {
    await one.insert([{ job: job(clock, { id: 'a' }) }])
    const [running] = await one.claim(asked)
    const told = [1, 2].map((percent) => step(running!, rules.progress(running!, percent, null), clock))
    const results = await Promise.all([one.replace(told.slice(0, 1)), two.replace(told.slice(1))])
    assert.equal(results.flat().filter(Boolean).length, 1)
    assert.equal((await two.get('ann', ['a']))[0]?.version, running!.version + 1)
  })

  check('two handles: one key makes one job', async (stores, clock) => {
    const racing = ['a', 'b', 'c', 'd'].map((id, i) =>
      stores[i % 2 === 0 ? 0 : 1].insert([{ job: job(clock, { id }), key: key('k') }]),
    )
    const results = (await Promise.all(racing)).flat()
    assert.equal(results.filter(({ created }) => created).length, 1)
    assert.equal(new Set(results.map((result) => result.job?.id)).size, 1)
  })

  check('two handles: a shared value is one', async ([one, two]) => {
    const values = await Promise.all([one.shared('secret', 'one'), two.shared('secret', 'two')])
    assert.equal(values[0], values[1])
  })

  check(
    'two handles: a commit of the other one is heard, until it is no longer listened for',
    async ([one, two], clock) => {
      let heard = 0
      const stop = one.onForeignCommit(() => heard++)
      await clock.advance(100)
      heard = 0
      await two.insert([{ job: job(clock, { id: 'a' }) }])
      for (let i = 0; heard === 0 && i < 100; i++) await clock.advance(100)
      assert.equal(heard, 1)
      stop()
      await two.insert([{ job: job(clock, { id: 'b' }) }])
      await clock.advance(1_000)
      assert.equal(heard, 1)
    },
  )
}

const asked: ClaimQuery = { queue: 'jobs', types: ['report'], limit: 100, worker: 'worker-1', leaseMs: 30_000 }

const job = (clock: Clock, given: Partial<NewJob> & { id: string }): Job =>
  rules.create({ type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 60_000, ...given }, clock.now())

const key = (name: string, given: Partial<IdempotencyKey> = {}): IdempotencyKey => ({
  route: 'jobs',
  key: name,
  fingerprint: 'print',
  expiresAt: Number.MAX_SAFE_INTEGER,
  ...given,
})

const lease = (id: string, attempt = 1, worker = asked.worker) => ({ id, attempt, worker })
const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id)

function step(before: Job, after: Job | null, clock: Clock): Change {
  assert.ok(after, 'the rule allows this step')
  return change(before, after, clock.now())
}

/** Brings every due job to its end. */
async function end(store: Store, clock: Clock): Promise<void> {
  const running = await store.claim(asked)
  const done = running.map((one) => step(one, rules.succeed(one, clock.now(), '{}'), clock))
  assert.ok((await store.replace(done)).every(Boolean))
}

const byTurn = (a: Job, b: Job) =>
  Number(b.priority === 'high') - Number(a.priority === 'high') || a.runAt - b.runAt || (a.id < b.id ? -1 : 1)
