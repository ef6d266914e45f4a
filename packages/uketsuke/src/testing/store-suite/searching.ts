import assert from 'node:assert/strict'
import type { NewJob } from '../../domain/job.ts'
import * as rules from '../../domain/rules.ts'
import type { SearchQuery, Store } from '../../store/port.ts'
import { applied, asked, type Check, ids, job } from './fixture.ts'

const usual = { queue: 'jobs', limit: 10, examine: 10 } as const

/** All pages of a search. */
async function searched(store: Store, query: Partial<SearchQuery>): Promise<string[]> {
  const found: string[] = []
  let next: Partial<SearchQuery> = {}
  for (let pages = 0; pages < 100; pages++) {
    const { jobs, last } = await store.search({ ...usual, ...query, ...next })
    found.push(...ids(jobs))
    if (last === null) return found
    next = query.oldestFirst ? { above: last } : { below: last }
  }
  throw new assert.AssertionError({ message: 'the search does not end' })
}

export function searching(check: Check): void {
  check('search: by status, type and owner, in either order, in pages of any size', async ({ store, clock }) => {
    const add = (id: string, given: Partial<NewJob> = {}) => ({ job: job(clock, { id, maxAttempts: 1, ...given }) })
    await store.insert(['1', '2', '3', '4', '5'].map((id) => add(id)))
    const [first, second] = await store.claim({ ...asked, limit: 4 })
    const error = { code: 'x', message: 'y', retryable: false }
    await store.replace([applied(first!, rules.fail(first!, clock.now(), error, 0), clock)])
    await store.replace([applied(second!, rules.succeed(second!, clock.now(), '1'), clock)])
    const [fifth] = await store.get('ann', ['5'])
    await store.replace([applied(fifth!, rules.cancel(fifth!, clock.now()), clock)])
    await store.insert([add('6', { type: 'mail' }), add('7', { owner: 'bob' })])
    await store.insert([add('7-webhook', { queue: 'deliveries', parent: '7', owner: 'bob' })])
    for (const [limit, examine] of [
      [10, 10],
      [1, 10],
      [10, 1],
      [2, 3],
    ] as const) {
      const find = (query: Partial<SearchQuery>) => searched(store, { limit, examine, ...query })
      assert.deepEqual(await find({}), ['7', '6', '5', '4', '3', '2', '1'])
      assert.deepEqual(await find({ oldestFirst: true }), ['1', '2', '3', '4', '5', '6', '7'])
      assert.deepEqual(await find({ status: 'pending' }), ['7', '6'])
      assert.deepEqual(await find({ status: 'running', oldestFirst: true }), ['3', '4'])
      assert.deepEqual(await find({ status: 'completed' }), ['2'])
      assert.deepEqual(await find({ status: 'failed' }), ['1'])
      assert.deepEqual(await find({ status: 'cancelled' }), ['5'])
      assert.deepEqual(await find({ type: 'mail' }), ['6'])
      assert.deepEqual(await find({ owner: 'ann', type: 'report', status: 'pending' }), [])
      assert.deepEqual(await find({ owner: 'bob' }), ['7'])
      assert.deepEqual(await find({ above: '2', below: '5' }), ['4', '3'])
      assert.deepEqual(await find({ queue: 'deliveries' }), ['7-webhook'])
    }
    assert.equal(await store.countFailed(10), 1)
    assert.equal(await store.countFailed(0), 0)
  })

  check('search: examines no more rows than it may', async ({ store, clock }) => {
    await store.insert(
      ['1', '2', '3', '4'].map((id) => ({ job: job(clock, { id, type: id === '1' ? 'mail' : 'report' }) })),
    )
    const { jobs, last } = await store.search({ ...usual, examine: 3, type: 'mail' })
    assert.deepEqual(jobs, [])
    assert.equal(last, '2')
  })

  check('search: inputs of up to 64 Ki characters, if asked for', async ({ store, clock }) => {
    const long = JSON.stringify('x'.repeat(70_000))
    await store.insert([
      { job: job(clock, { id: '1', input: '"short"' }) },
      { job: job(clock, { id: '2', input: long }) },
    ])
    const inputs = async (inputs?: boolean) => (await store.search({ ...usual, inputs })).jobs.map(({ input }) => input)
    assert.deepEqual(await inputs(true), ['', '"short"'])
    assert.deepEqual(await inputs(), ['', ''])
  })

  check('search: among more jobs of a status than it reads at once', async ({ store, clock }) => {
    const many = Array.from({ length: 1_100 }, (_, i) => String(i).padStart(5, '0'))
    for (let i = 0; i < many.length; i += 500) {
      await store.insert(many.slice(i, i + 500).map((id) => ({ job: job(clock, { id }) })))
    }
    assert.deepEqual(await searched(store, { status: 'pending', oldestFirst: true, limit: 400, examine: 1_000 }), many)
    const [counted] = await store.unfinished(100)
    assert.deepEqual(counted, { type: 'report', pending: 100, running: 0, oldest: clock.now() })
  })

  check('remove and prune: the log of a job goes with it', async ({ store, clock }) => {
    await store.insert(
      ['a', 'b', 'c'].map((id) => ({ job: job(clock, { id, retainFor: id === 'b' ? 1_000 : 60_000 }) })),
    )
    const log = ['a', 'b', 'c'].map((id) => ({ id, owner: 'ann', value: '{}\n' }))
    await store.records.append('job-log', log, 100)
    await store.records.append('other', log, 100)
    const running = await store.claim(asked)
    await store.replace(running.map((one) => applied(one, rules.succeed(one, clock.now(), '{}'), clock)))
    await store.remove('ann', 'a')
    await clock.advance(2_000)
    assert.equal(await store.prune(10), 1)
    const left = async (kind: string) => ids((await store.records.list(kind, 'ann', null, 10)) as never)
    assert.deepEqual(await left('job-log'), ['c'])
    assert.deepEqual(await left('other'), ['a', 'b', 'c'])
  })
}
