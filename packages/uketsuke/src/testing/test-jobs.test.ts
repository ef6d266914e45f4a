import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { job } from '../definition/define.ts'
import { JobError, UnrecoverableError } from '../domain/errors.ts'
import { verifyWebhook } from '../notify/verify-webhook.ts'
import { allOwners } from '../store/port.ts'
import { createTestJobs } from './test-jobs.ts'

let release: () => void = () => {}
let calls = 0
const types = {
  double: job({ input: z.object({ n: z.number() }), run: ({ input }) => ({ twice: input.n * 2 }) }),
  flaky: job({
    input: z.object({ fails: z.number() }),
    maxAttempts: 3,
    run({ input, attempt }) {
      if (attempt <= input.fails) throw new JobError(`Attempt ${attempt} failed`)
      return attempt
    },
  }),
  held: job({
    input: z.object({}),
    run({ progress, signal }) {
      calls++
      progress(30, 'Holding')
      return new Promise<string>((resolve, reject) => {
        release = () => resolve('released')
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
  }),
  reading: job({ input: z.object({}), run: async () => (await readFile(new URL(import.meta.url))).length > 0 }),
  parent: job({ input: z.object({}), run: async ({ enqueue }) => (await enqueue('double', { n: 1 })).jobId }),
  endless: job({ input: z.object({}), run: async ({ enqueue }) => void (await enqueue('endless', {})) }),
  broken: job({
    input: z.object({}),
    run() {
      throw new UnrecoverableError('No paper', { code: 'no-paper' })
    },
  }),
}
const make = (options = {}) => createTestJobs({ jobs: types, patience: 200, ...options })
let jobs = make()
afterEach(async () => {
  release()
  await jobs.close()
  jobs = make()
  calls = 0
})
const get = (jobId: string) => jobs.get(jobId, { owner: allOwners })

describe('drain', () => {
  it('runs what is due, also what handlers enqueue, and counts it', async () => {
    const { jobId } = await jobs.enqueue('double', { n: 21 })
    await jobs.enqueue('parent', {})
    await jobs.enqueue('reading', {})
    await jobs.enqueue('broken', {})
    expect(await get(jobId)).toMatchObject({ status: 'pending' })
    expect(await jobs.drain()).toEqual({ completed: 4, failed: 1, cancelled: 0, waiting: [], stuck: [] })
    expect(await get(jobId)).toMatchObject({ status: 'completed', output: { twice: 42 } })
    expect(await jobs.drain()).toMatchObject({ completed: 0, failed: 0 })
    // Nothing runs by itself between two calls.
    const later = await jobs.enqueue('double', { n: 1 })
    await jobs.clock.advance(5_000)
    expect(await get(later.jobId)).toMatchObject({ status: 'pending' })
  })

  it('ends although jobs enqueue others again and again', async () => {
    await jobs.enqueue('endless', {})
    const { stuck, completed } = await jobs.drain()
    expect([stuck.every(({ type }) => type === 'endless'), stuck.length > 0, completed > 10]).toEqual([
      true,
      true,
      true,
    ])
    await expect(jobs.advance('1m')).rejects.toThrow('Jobs enqueue further jobs without an end.')
  })

  it('names what is stuck instead of hanging, and what is not due yet', async () => {
    const held = await jobs.enqueue('held', {})
    const flaky = await jobs.enqueue('flaky', { fails: 1 })
    const delayed = await jobs.enqueue('double', { n: 1 }, { delay: 60_000 })
    const { stuck, waiting, completed } = await jobs.drain()
    expect(stuck).toMatchObject([{ jobId: held.jobId, status: 'running', progressMessage: 'Holding' }])
    expect(waiting.map(({ jobId }) => jobId)).toEqual([flaky.jobId, delayed.jobId])
    expect(waiting[0]).toMatchObject({ lastError: { message: 'Attempt 1 failed' } })
    expect(completed).toBe(0)
    release()
    expect(await jobs.drain()).toMatchObject({ completed: 1, stuck: [] })
  })
})

describe('advance', () => {
  it('passes time and runs what becomes due on the way, in its order', async () => {
    const flaky = await jobs.enqueue('flaky', { fails: 2 })
    const delayed = await jobs.enqueue('double', { n: 1 }, { delay: 30 * 60_000 })
    await jobs.advance('10m')
    expect([(await get(flaky.jobId))?.status, (await get(delayed.jobId))?.status]).toEqual(['completed', 'pending'])
    const before = jobs.clock.now()
    await jobs.advance('1h')
    expect(jobs.clock.now() - before).toBe(3_600_000)
    expect(await get(delayed.jobId)).toMatchObject({ status: 'completed', startedAt: delayed.runAt })
    await jobs.advance('60d')
    // Its retention is over.
    expect(await get(flaky.jobId)).toBeNull()
  })

  it('lets a handler time out', async () => {
    const { jobId } = await jobs.enqueue('held', {})
    await jobs.waitFor(jobId, 'running')
    await jobs.advance('1h')
    expect(await get(jobId)).toMatchObject({ lastError: { code: 'timeout' } })
  })

  it.each(['', 'x', '1y', '-1s', -1, Number.NaN, Number.POSITIVE_INFINITY])('rejects %s', async (duration) => {
    await expect(jobs.advance(duration as never)).rejects.toMatchObject({ code: 'invalid-configuration' })
  })
})

describe('waitFor', () => {
  it('passes the time that retries wait', async () => {
    const { jobId } = await jobs.enqueue('flaky', { fails: 2 })
    expect(await jobs.waitFor(jobId)).toMatchObject({ status: 'completed', attempt: 3, output: 3 })
    const running = await jobs.enqueue('held', {})
    expect((await jobs.waitFor(running.jobId, 'running')).progress).toBeLessThan(100)
  })

  it('says what became of the job instead', async () => {
    const { jobId } = await jobs.enqueue('broken', {})
    await expect(jobs.waitFor(jobId, 'completed')).rejects.toThrow(
      'The job is failed (no-paper: No paper), not completed.',
    )
    const held = await jobs.enqueue('held', {})
    await expect(jobs.waitFor(held.jobId)).rejects.toThrow('The job is running')
    const behind = createTestJobs({ jobs: types, patience: 200, concurrency: 1 })
    await behind.enqueue('held', {})
    const { jobId: second } = await behind.enqueue('double', { n: 1 })
    await expect(behind.waitFor(second)).rejects.toThrow('The job is pending, not completed.')
    await behind.close()
    await expect(jobs.waitFor('nonsense')).rejects.toThrow('There is no job nonsense.')
  })
})

describe('crashWorker', () => {
  it('leaves its jobs to the next worker, after their leases', async () => {
    const { jobId } = await jobs.enqueue('held', {})
    await jobs.waitFor(jobId, 'running')
    const lost = release
    await jobs.crashWorker()
    lost()
    expect(await jobs.drain()).toMatchObject({ completed: 0, stuck: [], waiting: [{ jobId, status: 'running' }] })
    await jobs.advance('1m')
    expect(await get(jobId)).toMatchObject({ status: 'running', attempt: 2 })
    release()
    expect(await jobs.waitFor(jobId)).toMatchObject({ output: 'released', attempt: 2 })
    expect((await jobs.attempts(jobId, { owner: allOwners })).map(({ outcome }) => outcome)).toEqual([
      'lease-lost',
      'completed',
    ])
    expect(calls).toBe(2)
  })
})

describe('webhooks', () => {
  it('are captured with their signature, and retried by the answer of the receiver', async () => {
    const webhookUrl = 'https://example.com/hook'
    const { jobId } = await jobs.enqueue('double', { n: 2 }, { webhookUrl })
    jobs.respondToWebhooks(500)
    await jobs.drain()
    jobs.respondToWebhooks(204)
    expect(jobs.webhooks).toHaveLength(1)
    await jobs.advance('1m')
    expect(jobs.webhooks).toHaveLength(2)
    const [first, second] = jobs.webhooks
    expect(second).toMatchObject({
      url: webhookUrl,
      event: { type: 'job.completed', data: { jobId, output: { twice: 4 } } },
    })
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id'])
    const { headers, body } = second!
    const verified = verifyWebhook(body, headers, jobs.webhookSecret('system'), { now: jobs.clock.now() })
    expect(verified).toMatchObject({ type: 'job.completed' })
    await jobs.advance('2d')
    expect(jobs.webhooks).toHaveLength(2)
  })
})

describe('runJob', () => {
  it('runs one handler alone, and throws what it throws', async () => {
    expect(await jobs.runJob('double', { n: 4 })).toEqual({ twice: 8 })
    expect(await jobs.runJob('flaky', { fails: 1 }, { attempt: 2 })).toBe(2)
    await expect(jobs.runJob('broken', {})).rejects.toBeInstanceOf(UnrecoverableError)
    await expect(jobs.runJob('double', { n: 'x' } as never)).rejects.toMatchObject({ code: 'invalid-input' })
    const onProgress = vi.fn()
    const stop = new AbortController()
    const held = jobs.runJob('held', {}, { onProgress, signal: stop.signal })
    await vi.waitFor(() => expect(onProgress).toHaveBeenCalledWith(30, 'Holding'))
    stop.abort(new Error('stopped'))
    await expect(held).rejects.toThrow('stopped')
    expect((await jobs.list({ owner: allOwners })).items).toEqual([])
  })
})

describe('a handler that asks', () => {
  const answered: string[] = []
  const asking = job({
    input: z.object({}),
    run: async ({ ask, step }) => {
      const schema = z.object({ n: z.number().max(9) })
      const first = await ask('n', { message: 'How many?', schema })
      await step('noted', () => void answered.push(first.action))
      const second = await ask('sure', { message: 'Sure?', within: 60_000 })
      return { n: first.content?.n ?? 0, sure: second.action }
    },
  })
  const owner = { owner: 'system' }
  const make = () => createTestJobs({ jobs: { asking }, patience: 500 })
  const accept = (content: object) => ({ action: 'accept' as const, content })

  it('is answered by the test, and keeps its answers when its worker crashes', async () => {
    const jobs = make()
    const { jobId } = await jobs.enqueue('asking', {})
    await jobs.answer(jobId, 'n', accept({ n: 3 }), owner)
    const { version } = await jobs.waitFor(jobId, 'running')
    await vi.waitUntil(async () => (await jobs.questions(jobId, owner))[0]?.name === 'sure')
    await jobs.crashWorker()
    await jobs.answer(jobId, 'sure', { action: 'decline' }, owner)
    await jobs.advance('2m')
    const ended = await jobs.waitFor(jobId)
    expect(ended).toMatchObject({ attempt: 2, output: { n: 3, sure: 'decline' } })
    expect(ended.version).toBeGreaterThan(version)
    expect(answered).toEqual(['accept'])
    await jobs.close()
  })

  it('fails if nobody answers in time', async () => {
    const jobs = make()
    const { jobId } = await jobs.enqueue('asking', {})
    await expect(jobs.answer(jobId, 'other', { action: 'decline' }, owner)).rejects.toThrow('no open question "other"')
    await jobs.advance('11m')
    expect(await jobs.waitFor(jobId, 'failed')).toMatchObject({ attempt: 1, error: { code: 'not-answered' } })
    await jobs.close()
  })

  it('runs alone with given answers', async () => {
    const jobs = make()
    const sure = { action: 'cancel' } as const
    const run = (answers: NonNullable<Parameters<typeof jobs.runJob>[2]>['answers']) =>
      jobs.runJob('asking', {}, { answers })
    expect(await run({ n: accept({ n: 4 }), sure })).toEqual({ n: 4, sure: 'cancel' })
    await expect(run({ n: accept({ n: 4 }) })).rejects.toMatchObject({ code: 'not-answered' })
    await expect(run({ n: accept({ n: 'x' }), sure })).rejects.toMatchObject({ code: 'validation-error' })
    await jobs.close()
  })
})

it('serves HTTP as in production, and works with fake timers', async () => {
  vi.useFakeTimers()
  try {
    const api = createTestJobs({ jobs: types, authenticate: () => ({ owner: 'ann' }) })
    const body = JSON.stringify({ type: 'double', input: { n: 5 } })
    const headers = { 'content-type': 'application/json' }
    const accepted = await api.fetch(new Request('http://x/api/jobs', { method: 'POST', headers, body }))
    const { statusUrl } = (await accepted.json()) as { statusUrl: string }
    await api.drain()
    const status = await api.fetch(new Request(`http://x${statusUrl}`))
    expect(await status.json()).toMatchObject({ status: 'completed', output: { twice: 10 } })
    await api.close()
  } finally {
    vi.useRealTimers()
  }
})

it('advance: schedules create their jobs on the way', async () => {
  const jobs = createTestJobs({
    jobs: { nightly: job({ input: z.object({}), run: () => {} }) },
    schedules: { nightly: { type: 'nightly', input: {}, cron: '0 2 * * *' } },
    now: new Date('2026-03-01T00:00:00Z'),
  })
  await jobs.advance('3d')
  const { items } = await jobs.list({ owner: 'system' })
  expect(items.map(({ metadata, status }) => [(metadata as { scheduledAt: string }).scheduledAt, status])).toEqual(
    [3, 2, 1].map((day) => [`2026-03-0${day}T02:00:00.000Z`, 'completed']),
  )
  await jobs.close()
})
