import { describe, expect, it, test } from 'vitest'
import { UketsukeError } from '../domain/errors.ts'
import type { Change, Job } from '../domain/job.ts'
import { claim, create, progress } from '../domain/rules.ts'
import { manualClock } from '../testing/clock.ts'
import { storeSuite } from '../testing/store-suite.ts'
import { batched } from './batch-queue.ts'
import { memory } from './memory.ts'
import type { Store } from './port.ts'

describe('batched, over the memory store', () => {
  storeSuite({ test, open: async (clock) => batched(memory()(clock)) })
})

const clock = manualClock()
const job = (id: string): Job =>
  create({ id, type: 'report', owner: 'ann', input: '{}', maxAttempts: 3, retainFor: 1_000 }, clock.now())
const running = (id: string) => claim(job(id), clock.now(), { worker: 'w', leaseMs: 1_000 }) as Job
const progressed = (before: Job, percent: number): Change => {
  const after = progress(before, percent, null) as Job
  return { before, after, spawn: [], attempt: null }
}

/** A store that records its commits, each of which ends when the test resolves it. */
function held(overrides: Partial<Store> = {}) {
  const commits: { rows: string[]; end(): void; fail(error: unknown): void }[] = []
  const arrived: (() => void)[] = []
  const commit = <Result>(rows: string[], results: Result[]) =>
    new Promise<Result[]>((resolve, reject) => {
      commits.push({ rows, end: () => resolve(results), fail: reject })
      arrived.shift()?.()
    })
  const store: Store = {
    ...memory()(clock),
    insert: (rows) =>
      commit(
        rows.map((row) => row.job.id),
        rows.map((row) => ({ job: row.job, created: true, fingerprint: null })),
      ),
    replace: (rows) =>
      commit(
        rows.map((row) => `${row.before.id}@${row.before.version}`),
        rows.map(() => true),
      ),
    ...overrides,
  }
  return {
    store,
    commits,
    next: () => new Promise<void>((resolve) => arrived.push(resolve)),
  }
}

describe('batched', () => {
  it('collects calls while a commit is in flight, and resolves each call after its own commit', async () => {
    const { store, commits, next } = held()
    const group = batched(store)
    const answered: string[] = []
    const insert = (...ids: string[]) =>
      group.insert(ids.map((id) => ({ job: job(id) }))).then((results) => {
        answered.push(ids.join())
        return results.map((result) => result.job?.id)
      })

    const first = next()
    const a = insert('a')
    const b = insert('b', 'c')
    await first
    const second = next()
    const d = insert('d')
    const e = insert('e')
    expect(commits.map(({ rows }) => rows)).toEqual([['a', 'b', 'c']])
    expect(answered).toEqual([])

    commits[0]?.end()
    expect(await a).toEqual(['a'])
    expect(await b).toEqual(['b', 'c'])
    await second
    expect(answered).toEqual(['a', 'b,c'])
    expect(commits[1]?.rows).toEqual(['d', 'e'])
    commits[1]?.end()
    expect(await Promise.all([d, e])).toEqual([['d'], ['e']])
  })

  it('puts at most `capBytes` of text into one commit; a longer row is committed alone', async () => {
    const commits: string[][] = []
    const inner = memory()(clock)
    const group = batched(
      {
        ...inner,
        insert: (rows) => {
          commits.push(rows.map((one) => one.job.id))
          return inner.insert(rows)
        },
        replace: (changes) => {
          commits.push(changes.map((one) => one.after.id))
          return inner.replace(changes)
        },
      },
      { capBytes: 1_000 },
    )
    const lengths = [300, 300, 300, 300, 5_000, 1, 1]
    const jobs = lengths.map((length, i) => ({ ...job(`${i}`), input: 'x'.repeat(length) }))
    await Promise.all(jobs.map((one) => group.insert([{ job: one }])))
    expect(commits.splice(0)).toEqual([['0', '1', '2'], ['3'], ['4'], ['5', '6']])
    const changes = jobs.map((before, i) => {
      const after: Job = { ...before, version: 2, status: 'completed', output: 'x'.repeat(lengths[i] ?? 0) }
      return { before, after, spawn: [], attempt: null }
    })
    expect(await Promise.all(changes.map((one) => group.replace([one])))).toEqual(lengths.map(() => [true]))
    expect(commits).toEqual([['0', '1', '2'], ['3'], ['4'], ['5', '6']])
  })

  it('puts at most `cap` rows into one commit and never splits a call', async () => {
    const sizes: number[] = []
    const inner = memory()(clock)
    const group = batched(
      {
        ...inner,
        insert: (rows) => {
          sizes.push(rows.length)
          return inner.insert(rows)
        },
      },
      { cap: 3 },
    )
    const calls = [1, 1, 2, 5, 1].map((size, i) =>
      group.insert(Array.from({ length: size }, (_, j) => ({ job: job(`${i}-${j}`) }))),
    )
    expect((await Promise.all(calls)).map((results) => results.length)).toEqual([1, 1, 2, 5, 1])
    expect(sizes).toEqual([2, 2, 5, 1])
  })

  it.each([
    [99, [99]],
    [100, [50, 50]],
    [201, [101, 100]],
  ])('divides %i inserts of one turn between two concurrent commits, if each has enough', async (calls, sizes) => {
    const { store, commits } = held()
    const group = batched(store, { inFlight: 2 })
    const inserts = Array.from({ length: calls }, (_, i) => group.insert([{ job: job(`${i}`) }]))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(commits.map(({ rows }) => rows.length)).toEqual(sizes)
    for (const commit of commits) commit.end()
    expect(await Promise.all(inserts)).toHaveLength(calls)
  })

  it('puts two changes of one job into two commits, in call order', async () => {
    const { store, commits, next } = held()
    const group = batched(store)
    const a1 = running('a')
    const a2 = progressed(a1, 10).after
    const a3 = progressed(a2, 20).after
    const first = next()
    const calls = [
      group.replace([progressed(a1, 10)]),
      group.replace([progressed(a2, 20), progressed(running('b'), 1)]),
      group.replace([progressed(running('b'), 2)]),
      group.replace([progressed(a3, 30)]),
      group.replace([progressed(running('c'), 1)]),
    ]
    await first
    for (let i = 0; i < 3; i++) {
      const following = next()
      commits[i]?.end()
      if (i < 2) await following
    }
    await Promise.all(calls)
    expect(commits.map(({ rows }) => rows)).toEqual([
      ['a@2', 'c@2'],
      ['a@3', 'b@2'],
      ['b@2', 'a@4'],
    ])
  })

  it('rejects only the call with the bad row', async () => {
    let commits = 0
    const inner = memory()(clock)
    const group = batched({
      ...inner,
      insert: (rows) => {
        commits++
        return inner.insert(rows)
      },
    })
    await inner.insert([{ job: job('bad') }])
    const ids = ['a', 'b', 'c', 'bad', 'd', 'e', 'f', 'g']
    const results = await Promise.allSettled(ids.map((id) => group.insert([{ job: job(id) }])))
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual(ids.map((id) => id !== 'bad'))
    expect(commits).toBe(7)
    expect((await inner.get('ann', ids)).every((one) => one !== null)).toBe(true)
  })

  it('does not retry a store that is down, and continues with the next commit', async () => {
    let up = false
    let commits = 0
    const inner = memory()(clock)
    const group = batched({
      ...inner,
      insert: async (rows) => {
        commits++
        if (!up) throw new UketsukeError('temporarily-unavailable')
        return inner.insert(rows)
      },
    })
    const calls = await Promise.allSettled(['a', 'b', 'c'].map((id) => group.insert([{ job: job(id) }])))
    expect(calls.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(commits).toBe(1)
    up = true
    expect((await group.insert([{ job: job('d') }]))[0]?.created).toBe(true)
    expect(await inner.get('ann', ['a', 'b', 'c'])).toEqual([null, null, null])
  })

  it('groups renewals with the same lease duration', async () => {
    const lengths: [number, number][] = []
    const group = batched({
      ...memory()(clock),
      renew: async (leases, leaseMs) => {
        lengths.push([leases.length, leaseMs])
        return leases.map(() => 2)
      },
    })
    const lease = { id: 'a', attempt: 1, worker: 'w' }
    const calls = [5, 7, 5].map((leaseMs) => group.renew([lease], leaseMs))
    expect(await Promise.all(calls)).toEqual([[2], [2], [2]])
    expect(lengths).toEqual([
      [2, 5],
      [1, 7],
    ])
  })

  it('closes after the commits in flight and the calls that wait behind them', async () => {
    const order: string[] = []
    const { store, commits, next } = held({ close: async () => void order.push('closed') })
    const group = batched(store)
    const first = next()
    const a = group.insert([{ job: job('a') }]).then(() => order.push('a'))
    await first
    const second = next()
    const b = group.insert([{ job: job('b') }]).then(() => order.push('b'))
    const closed = group.close()
    commits[0]?.end()
    await second
    commits[1]?.end()
    await Promise.all([a, b, closed])
    expect(order).toEqual(['a', 'b', 'closed'])
  })
})
