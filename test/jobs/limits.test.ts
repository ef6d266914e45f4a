import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const every = { owner: allOwners as typeof allOwners }
const input = z.object({ key: z.string() })
const keyOf = ({ input }: { input: { key: string } }) => input.key

/** Counts the handlers that run at the same time, by key, and holds them until they are let go. */
function held() {
  const running = new Map<string, number>()
  const most = new Map<string, number>()
  const waiting: { key: string; owner: string; end(error?: Error): void }[] = []
  return {
    waiting,
    most: (key: string) => most.get(key) ?? 0,
    keys: () => waiting.map(({ key }) => key).sort(),
    async run({ input: { key }, owner }: { input: { key: string }; owner: string }) {
      running.set(key, (running.get(key) ?? 0) + 1)
      most.set(key, Math.max(most.get(key) ?? 0, running.get(key) ?? 0))
      const { open, passed } = gate<Error | undefined>()
      waiting.push({ key, owner, end: open })
      const error = await passed
      running.set(key, (running.get(key) ?? 0) - 1)
      if (error) throw error
    },
    /** Ends the first handler of a key. */
    end(key: string, error?: Error) {
      const at = waiting.findIndex((one) => one.key === key)
      waiting.splice(at, 1)[0]?.end(error)
    },
  }
}

describe('concurrency', () => {
  test('no more jobs with the same key run at the same time, and every place is used', async () => {
    const handlers = held()
    const { jobs } = open({ one: job({ input, concurrency: { limit: 2, key: keyOf }, run: handlers.run }) })
    await jobs.work({ concurrency: 10 })
    for (const key of ['a', 'a', 'a', 'b', 'a', 'b', 'b']) await jobs.enqueue('one', { key })
    await until(() => handlers.waiting.length === 4)
    expect(handlers.keys()).toEqual(['a', 'a', 'b', 'b'])
    handlers.end('a')
    await until(() => handlers.waiting.length === 4)
    expect(handlers.keys()).toEqual(['a', 'a', 'b', 'b'])
    while ((await jobs.stats()).jobs.completed < 7) {
      for (const { key } of [...handlers.waiting]) handlers.end(key)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([handlers.most('a'), handlers.most('b')]).toEqual([2, 2])
  })

  test('without a key, the limit is that of the type, and other types are not held up', async () => {
    const handlers = held()
    const { jobs } = open({
      one: job({ input, concurrency: { limit: 1 }, run: handlers.run }),
      free: job({ input, run: handlers.run }),
    })
    await jobs.work({ concurrency: 10 })
    for (let i = 0; i < 5; i++) await jobs.enqueue('one', { key: 'one' }, { owner: `owner-${i}` })
    await jobs.enqueueMany('free', [{ key: 'free' }, { key: 'free' }])
    await until(() => handlers.waiting.length === 3)
    expect(handlers.keys()).toEqual(['free', 'free', 'one'])
  })

  test('a failed attempt gives its place to another job while it waits', async () => {
    const handlers = held()
    const { jobs, clock } = open({
      one: job({ input, concurrency: { limit: 1 }, backoff: { base: 60_000 }, run: handlers.run }),
    })
    await jobs.work()
    const first = await jobs.enqueue('one', { key: 'first' })
    await jobs.enqueue('one', { key: 'second' })
    await until(() => handlers.waiting.length === 1)
    handlers.end('first', new Error('It broke.'))
    await until(() => handlers.keys()[0] === 'second')
    await clock.advance(60_000)
    // Its next attempt is due, but the place is taken.
    expect(await jobs.get(first.jobId, every)).toMatchObject({ status: 'pending', attempt: 1 })
    handlers.end('second')
    await until(() => handlers.keys()[0] === 'first')
    handlers.end('first')
    await until(async () => (await jobs.stats()).jobs.completed === 2)
  })

  test('a cancelled job gives its place back, whether it runs, is ready or is parked', async () => {
    const handlers = held()
    const { jobs } = open({ one: job({ input, concurrency: { limit: 1 }, run: handlers.run }) })
    const made = await jobs.enqueueMany(
      'one',
      Array.from({ length: 4 }, (_, i) => ({ key: String(i) })),
    )
    // One of them is ready, the others are parked.
    for (const { jobId } of made.slice(0, 3)) await jobs.cancel(jobId, every)
    await jobs.work()
    await until(() => handlers.keys()[0] === '3')
    handlers.end('3')
    await until(async () => (await jobs.stats()).jobs.completed === 1)
  })

  test('a job may have a delay, a priority and a retry of its own', async () => {
    const handlers = held()
    const { jobs, clock } = open({ one: job({ input, concurrency: { limit: 1 }, run: handlers.run }) })
    await jobs.work()
    await jobs.enqueue('one', { key: 'now' })
    await jobs.enqueue('one', { key: 'later' }, { delay: 5_000 })
    await jobs.enqueue('one', { key: 'normal' })
    await jobs.enqueue('one', { key: 'high' }, { priority: 'high' })
    await until(() => handlers.keys()[0] === 'now')
    handlers.end('now')
    await until(() => handlers.keys()[0] === 'high')
    handlers.end('high')
    await until(() => handlers.keys()[0] === 'normal')
    handlers.end('normal')
    await until(async () => (await jobs.stats()).jobs.completed === 3)
    await clock.advance(5_000)
    await until(() => handlers.keys()[0] === 'later')
    const { items } = await jobs.list({ ...every, status: ['completed'], limit: 1 })
    await jobs.retry(items[0]!.jobId, every)
    handlers.end('later')
    await until(() => handlers.waiting.length === 1)
    handlers.end(handlers.keys()[0]!)
    await until(async () => (await jobs.stats()).jobs.completed === 5)
    expect(handlers.most('later')).toBe(1)
  })
})

describe('rateLimit', () => {
  const starts: number[] = []
  test('no period has more starts than the limit, and none is wasted', async () => {
    const { jobs, clock } = open({
      one: job({ input, rateLimit: { limit: 3, per: 1_000 }, run: () => void starts.push(clock.now()) }),
    })
    await jobs.work({ concurrency: 10 })
    const begin = clock.now()
    await jobs.enqueueMany(
      'one',
      Array.from({ length: 10 }, () => ({ key: 'k' })),
    )
    for (let i = 0; i < 400 && starts.length < 10; i++) await clock.advance(10)
    expect(starts).toHaveLength(10)
    for (const [i, at] of starts.entries()) if (i >= 3) expect(at - starts[i - 3]!).toBeGreaterThanOrEqual(1_000)
    // Three periods, and a moment for each to see the starts.
    expect(starts.at(-1)! - begin).toBeLessThan(3_500)
  })

  test('by key, together with concurrency, and failed attempts count', async () => {
    const seen: string[] = []
    const { jobs, clock } = open({
      one: job({
        input,
        rateLimit: { limit: 2, per: 10_000, key: keyOf },
        concurrency: { limit: 5, key: keyOf },
        backoff: { base: 0 },
        maxAttempts: 2,
        run: ({ input: { key } }) => {
          seen.push(key)
          throw new Error('It broke.')
        },
      }),
    })
    await jobs.work()
    for (const key of ['a', 'b', 'a']) await jobs.enqueue('one', { key })
    for (let i = 0; i < 300 && seen.length < 4; i++) await clock.advance(10)
    expect(seen.toSorted()).toEqual(['a', 'a', 'b', 'b'])
    for (let i = 0; i < 1_500 && seen.length < 6; i++) await clock.advance(10)
    expect(seen.toSorted()).toEqual(['a', 'a', 'a', 'a', 'b', 'b'])
    expect((await jobs.stats()).jobs.failed).toBe(3)
  })
})

test('other limits hold from the next start of a worker, for the jobs that wait', async () => {
  const file = tempFile()
  const handlers = held()
  const start = async (limits: { concurrency?: { limit: number } }) => {
    const jobs = createJobs({
      jobs: { one: job({ input, ...limits, run: handlers.run }) },
      store: sqlite(file),
      log: silentLog,
    })
    atEnd(() => jobs.close())
    await jobs.work({ drain: 0 })
    return jobs
  }
  const first = await start({ concurrency: { limit: 1 } })
  await first.enqueueMany(
    'one',
    Array.from({ length: 9 }, (_, i) => ({ key: String(i) })),
  )
  await until(() => handlers.waiting.length === 1)
  handlers.end(handlers.keys()[0]!)
  await until(() => handlers.waiting.length === 1)
  await first.close()
  handlers.waiting.length = 0
  const second = await start({ concurrency: { limit: 3 } })
  await until(() => handlers.waiting.length === 3)
  await second.close()
  handlers.waiting.length = 0
  // The limit has been removed.
  await start({})
  await until(() => handlers.waiting.length === 8)
})

test('a key that is no text of 1 to 1,000 characters is refused as an error of the program', async () => {
  const { jobs } = open({
    one: job({ input, concurrency: { limit: 1, key: ({ input }) => input.key }, run: () => {} }),
  })
  for (const key of ['', 'x'.repeat(1_001)]) await expect(jobs.enqueue('one', { key })).rejects.toThrow(TypeError)
  expect((await jobs.enqueue('one', { key: 'x'.repeat(1_000) })).status).toBe('pending')
})

test.each([
  [{ concurrency: { limit: 0 } }, /concurrency\.limit/],
  [{ concurrency: { limit: 1.5 } }, /concurrency\.limit/],
  [{ concurrency: {} }, /concurrency\.limit/],
  [{ concurrency: 5 }, /concurrency must be an object/],
  [{ concurrency: { limit: 1, key: 'owner' } }, /concurrency\.key/],
  [{ rateLimit: { limit: 1 } }, /rateLimit\.per/],
  [{ rateLimit: { limit: 1, per: 0 } }, /rateLimit\.per/],
  [{ rateLimit: { per: 10 } }, /rateLimit\.limit/],
  [{ concurrency: { limit: 1, key: keyOf }, rateLimit: { limit: 1, per: 1 } }, /same function/],
])('the options %j are refused', (options, message) => {
  expect(() => job({ input, run: () => {}, ...options } as never)).toThrow(message)
})
