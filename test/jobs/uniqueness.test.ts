import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const input = z.object({ month: z.string().transform((month) => month.toLowerCase()), copies: z.number().default(1) })
const types = {
  whole: job({ input, unique: true, run: async () => {} }),
  byMonth: job({ input, unique: { key: ({ input }) => input.month }, run: async ({ input }) => input }),
  plain: job({ input, run: async () => {} }),
}
const ann = { owner: 'ann' }

describe('unique: true', () => {
  test('a request with the same input gets the unfinished job, whatever the order of its members', async () => {
    const { jobs } = open(types)
    const first = await jobs.enqueue('whole', { month: 'May', copies: 2 }, ann)
    expect(first).toMatchObject({ created: true, status: 'pending' })
    expect(first.deduplicated).toBeUndefined()
    const second = await jobs.enqueue(
      'whole',
      { copies: 2, month: 'May' },
      { ...ann, priority: 'high', metadata: { a: 1 } },
    )
    expect(second).toMatchObject({
      jobId: first.jobId,
      created: false,
      deduplicated: true,
      priority: 'normal',
      version: 1,
    })
    expect((await jobs.list(ann)).items).toHaveLength(1)
  })

  test('another input, owner or type is another job', async () => {
    const { jobs } = open(types)
    const all = [
      await jobs.enqueue('whole', { month: 'May' }, ann),
      await jobs.enqueue('whole', { month: 'June' }, ann),
      await jobs.enqueue('whole', { month: 'May' }, { owner: 'bob' }),
      await jobs.enqueue('byMonth', { month: 'May' }, ann),
      await jobs.enqueue('byMonth', { month: 'May' }, { owner: 'bob' }),
      await jobs.enqueue('plain', { month: 'May' }, ann),
      await jobs.enqueue('plain', { month: 'May' }, ann),
    ]
    expect(all.every(({ created }) => created)).toBe(true)
    expect(new Set(all.map(({ jobId }) => jobId)).size).toBe(all.length)
  })
})

test('the key comes from the validated input', async () => {
  const { jobs } = open(types)
  const first = await jobs.enqueue('byMonth', { month: 'May', copies: 1 }, ann)
  expect(await jobs.enqueue('byMonth', { month: 'MAY', copies: 9 }, ann)).toMatchObject({ jobId: first.jobId })
})

test.each(['completed', 'failed', 'cancelled', 'removed'])('a new job is created once the first is %s', async (how) => {
  const { jobs } = open({
    only: job({
      input: z.object({}),
      unique: true,
      maxAttempts: 1,
      run: () => {
        if (how === 'failed') throw new Error('It broke.')
      },
    }),
  })
  const { jobId } = await jobs.enqueue('only', {}, ann)
  if (how === 'cancelled') await jobs.cancel(jobId, ann)
  else await jobs.work()
  await until(async () => (await jobs.get(jobId, ann))?.completedAt)
  if (how === 'removed') await jobs.remove(jobId, ann)
  expect(await jobs.enqueue('only', {}, ann)).toMatchObject({ created: true })
})

test('it holds while a job runs, waits for its next attempt, and waits for its time', async () => {
  const entered = gate()
  const leave = gate()
  const { jobs, clock } = open({
    only: job({
      input: z.object({}),
      unique: true,
      run: async () => {
        entered.open()
        await leave.passed
        throw new Error('again')
      },
    }),
  })
  const { jobId } = await jobs.enqueue('only', {}, { ...ann, delay: 5_000 })
  const again = async () => expect(await jobs.enqueue('only', {}, ann)).toMatchObject({ jobId, deduplicated: true })
  await again()
  await jobs.work()
  await clock.advance(5_000)
  await entered.passed
  await again()
  leave.open()
  await until(async () => (await jobs.get(jobId, ann))?.lastError)
  await again()
})

test('an idempotency key comes first, and stays with the job that it got', async () => {
  const { jobs } = open(types)
  const first = await jobs.enqueue('whole', { month: 'May' }, ann)
  const keyed = { ...ann, idempotencyKey: 'k' }
  expect(await jobs.enqueue('whole', { month: 'May' }, keyed)).toMatchObject({ jobId: first.jobId, deduplicated: true })
  await jobs.cancel(first.jobId, ann)
  const replayed = await jobs.enqueue('whole', { month: 'May' }, keyed)
  expect(replayed).toMatchObject({ jobId: first.jobId, created: false, status: 'cancelled' })
  expect(replayed.deduplicated).toBeUndefined()
  await expect(jobs.enqueue('whole', { month: 'June' }, keyed)).rejects.toMatchObject({
    code: 'idempotency-key-reused',
  })
})

test('many jobs of one call, and a retry, respect it too', async () => {
  const { jobs } = open(types)
  const [a, b, c] = await jobs.enqueueMany('byMonth', [{ month: 'May' }, { month: 'June' }, { month: 'may' }], ann)
  expect(c?.jobId).toBe(a?.jobId)
  expect(b?.jobId).not.toBe(a?.jobId)
  await jobs.cancel(a!.jobId, ann)
  const present = await jobs.enqueue('byMonth', { month: 'May' }, ann)
  expect(await jobs.retry(a!.jobId, ann)).toMatchObject({ jobId: present.jobId })
})

test('a full queue still returns the job that is waiting', async () => {
  const { jobs } = open(types, { quotas: { waitingJobs: 1 } })
  const { jobId } = await jobs.enqueue('whole', { month: 'May' }, ann)
  expect(await jobs.enqueue('whole', { month: 'May' }, ann)).toMatchObject({ jobId, deduplicated: true })
  const keyed = { ...ann, idempotencyKey: 'k' }
  expect(await jobs.enqueue('whole', { month: 'May' }, keyed)).toMatchObject({ jobId, deduplicated: true })
  await expect(jobs.enqueue('whole', { month: 'June' }, ann)).rejects.toMatchObject({ code: 'quota-exceeded' })
  await jobs.cancel(jobId, ann)
  // The key was bound to the job that was met.
  expect(await jobs.enqueue('whole', { month: 'May' }, keyed)).toMatchObject({ jobId, created: false })
})

test('over HTTP, the 202 says so, and another owner gets a job of its own', async () => {
  const { jobs } = open(types, { authenticate: (request) => ({ owner: request.headers.get('x-user') ?? '' }) })
  const post = (owner: string, headers: Record<string, string> = {}) =>
    jobs.fetch(
      new Request('http://localhost/api/jobs', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-user': owner, ...headers },
        body: JSON.stringify({ type: 'whole', input: { month: 'May' } }),
      }),
    )
  const first = await (await post('ann')).json()
  expect(first).not.toHaveProperty('deduplicated')
  const again = await post('ann')
  expect(again.status).toBe(202)
  expect(again.headers.get('location')).toBe(`/api/jobs/${first.jobId}`)
  expect(again.headers.has('idempotent-replayed')).toBe(false)
  expect(await again.json()).toEqual({ ...first, deduplicated: true })
  expect((await (await post('bob')).json()).jobId).not.toBe(first.jobId)
  expect(await (await post('ann', { 'idempotency-key': 'k' })).json()).toMatchObject({ deduplicated: true })
})

test('ten thousand requests that race with the end of the job: never two at a time, and none is lost', async () => {
  const file = tempFile()
  let running = 0
  let most = 0
  const define = () => ({
    only: job({
      input: z.object({ n: z.number() }),
      unique: { key: () => 'one' },
      run: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
      },
    }),
  })
  const systems = [0, 1].map(() => createJobs({ jobs: define(), store: sqlite(file), log: silentLog }))
  atEnd(async () => void (await Promise.all(systems.map((jobs) => jobs.close()))))
  await Promise.all(systems.map((jobs) => jobs.work({ concurrency: 8 })))
  const created = new Set<string>()
  const met = new Set<string>()
  for (let round = 0; round < 100; round++) {
    const asked = Array.from({ length: 100 }, (_, n) => systems[n % 2]!.enqueue('only', { n }))
    for (const { jobId, created: isNew, status } of await Promise.all(asked)) {
      ;(isNew ? created : met).add(jobId)
      expect(['pending', 'running']).toContain(status)
    }
  }
  await until(async () => (await systems[0]!.stats()).jobs.completed >= created.size)
  expect(most).toBe(1)
  expect([...met].filter((id) => !created.has(id))).toEqual([])
  expect((await systems[0]!.stats()).jobs).toMatchObject({ pending: 0, running: 0, completed: created.size })
  expect(created.size).toBeGreaterThan(1)
}, 60_000)

describe('debounce', () => {
  const debounced = () => {
    const seen: string[] = []
    const types = {
      index: job({
        input: z.object({ page: z.string(), text: z.string() }),
        unique: { key: ({ input }) => input.page },
        debounce: { wait: 1_000, max: 2_500 },
        run: async ({ input }) => void seen.push(input.text),
      }),
    }
    return { seen, ...open(types) }
  }

  test('each request replaces the input and puts the job off, up to the maximum', async () => {
    const { jobs, clock, seen } = debounced()
    const start = clock.now()
    const at = (ms: number) => new Date(start + ms).toISOString()
    const first = await jobs.enqueue('index', { page: 'a', text: '1' })
    expect(first).toMatchObject({ created: true, version: 1, runAt: at(1_000) })
    await clock.advance(900)
    const second = await jobs.enqueue('index', { page: 'a', text: '2' })
    expect(second).toMatchObject({ jobId: first.jobId, deduplicated: true, version: 2, runAt: at(1_900) })
    await clock.advance(900)
    expect(await jobs.enqueue('index', { page: 'a', text: '3' })).toMatchObject({ version: 3, runAt: at(2_500) })
    await jobs.work()
    await clock.advance(699)
    expect(seen).toEqual([])
    await clock.advance(1)
    await until(async () => (await jobs.get(first.jobId, { owner: allOwners }))?.completedAt)
    expect(seen).toEqual(['3'])
    expect(await jobs.enqueue('index', { page: 'a', text: '4' })).toMatchObject({ created: true })
  })

  test('followers see the new version', async () => {
    const { jobs } = debounced()
    const { jobId } = await jobs.enqueue('index', { page: 'a', text: '1' })
    const watched = jobs.watch(jobId, { owner: allOwners })
    expect((await watched.next()).value).toMatchObject({ version: 1 })
    await jobs.enqueue('index', { page: 'a', text: '2' })
    expect((await watched.next()).value).toMatchObject({ version: 2, status: 'pending' })
    await watched.return(undefined)
  })

  test('many requests of one call leave the last input', async () => {
    const { jobs, clock, seen } = debounced()
    await jobs.enqueueMany(
      'index',
      ['1', '2', '3'].map((text) => ({ page: 'a', text })),
    )
    await jobs.work()
    await clock.advance(1_000)
    await until(() => seen.length > 0)
    expect(seen).toEqual(['3'])
  })

  test('it takes no time of its own', async () => {
    const { jobs } = debounced()
    const input = { page: 'a', text: '1' }
    await expect(jobs.enqueue('index', input, { delay: 5 })).rejects.toMatchObject({
      code: 'validation-error',
      errors: [{ pointer: '/delay' }],
    })
    await expect(jobs.enqueue('index', input, { runAt: new Date() })).rejects.toMatchObject({
      errors: [{ pointer: '/runAt' }],
    })
  })
})

test.each<[string, object]>([
  ['unique', { unique: 'yes' }],
  ['unique', { unique: null }],
  ['unique', { unique: {} }],
  ['debounce', { debounce: { wait: 1, max: 1 } }],
  ['debounce.wait', { unique: true, debounce: { max: 1 } }],
  ['debounce.max', { unique: true, debounce: { wait: 1 } }],
  ['debounce.max', { unique: true, debounce: { wait: 2, max: 1 } }],
  ['debounce.wait', { unique: true, debounce: null }],
])('job() names the wrong option %s: %j', (name, options) => {
  expect(() => job({ input: z.object({}), run: () => {}, ...options } as never)).toThrow(`job(): ${name} `)
})

test.each([undefined, '', 7, 'x'.repeat(1_001)])('a key that is no usable text fails the request: %j', async (key) => {
  const { jobs } = open({ bad: job({ input: z.object({}), unique: { key: () => key as string }, run: () => {} }) })
  await expect(jobs.enqueue('bad', {})).rejects.toThrow('unique.key must return 1 to 1000 characters')
  expect((await jobs.stats()).jobs.pending).toBe(0)
})
