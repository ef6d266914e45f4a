import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, job, type Log, silentLog, UnrecoverableError } from '../../packages/uketsuke/src/index.ts'
import { gate, open } from './setup.ts'

const input = z.object({})
const neutral = 'The job failed because of an error on the server.'

describe('a handler that throws', () => {
  it('is retried with exponential backoff until it succeeds', async () => {
    const seen: number[] = []
    const flaky = job({
      input,
      run: ({ attempt }) => {
        seen.push(attempt)
        if (attempt < 3) throw new Error(`broke ${attempt}`)
        return 'done'
      },
    })
    const { jobs, clock } = open({ flaky })
    await jobs.work()
    const { jobId } = await jobs.enqueue('flaky', {})
    await clock.advance(0)
    const waiting = await jobs.get(jobId, { owner: allOwners })
    expect(waiting).toMatchObject({
      status: 'pending',
      attempt: 1,
      lastError: { code: 'handler-error', message: neutral },
    })
    const wait = Date.parse(waiting?.runAt ?? '') - clock.now()
    expect(wait).toBeGreaterThanOrEqual(500)
    expect(wait).toBeLessThanOrEqual(1_000)
    await clock.advance(1_000)
    const second = await jobs.get(jobId, { owner: allOwners })
    expect(second).toMatchObject({ status: 'pending', attempt: 2, lastError: { message: neutral } })
    await clock.advance(2_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'completed',
      attempt: 3,
      output: 'done',
    })
    expect(await jobs.get(jobId, { owner: allOwners })).not.toHaveProperty('lastError')
    expect(seen).toEqual([1, 2, 3])
    expect(
      (await jobs.attempts(jobId, { owner: allOwners })).map(({ attempt, outcome }) => [attempt, outcome]),
    ).toEqual([
      [1, 'retrying'],
      [2, 'retrying'],
      [3, 'completed'],
    ])
  })

  it('fails permanently after the last attempt', async () => {
    const broken = job({ input, maxAttempts: 2, run: () => Promise.reject(new Error('always')) })
    const { jobs, clock } = open({ broken })
    await jobs.work()
    const { jobId } = await jobs.enqueue('broken', {})
    await clock.advance(60_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { code: 'handler-error', message: neutral, retryable: false },
    })
  })

  it('fails immediately with a non-retryable error', async () => {
    const hopeless = job({ input, run: () => Promise.reject(new UnrecoverableError('No data.', { code: 'no-data' })) })
    const { jobs, clock } = open({ hopeless })
    await jobs.work()
    const { jobId } = await jobs.enqueue('hopeless', {})
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'no-data', message: 'No data.' },
    })
  })

  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  it.each([
    ['a string', 'just text', 'just text'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object', { a: 1 }, 'an object that is not an Error'],
    ['a cycle', cyclic, 'an object that is not an Error'],
    ['an error without a message', new RangeError(), 'RangeError'],
    ['a message with NUL and a lone surrogate', new Error('a\0b\uD800'), 'a\uFFFDb\uFFFD'],
    ['a long message', new Error('x'.repeat(50_000)), 'x'.repeat(5_000)],
  ])('keeps the thrown value for operators: %s', async (_, thrown, expected) => {
    const odd = job({
      input,
      maxAttempts: 1,
      run: () => {
        throw thrown
      },
    })
    const { jobs, clock } = open({ odd })
    await jobs.work()
    const { jobId } = await jobs.enqueue('odd', {})
    await clock.advance(0)
    const error = { code: 'handler-error', message: neutral, retryable: false }
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'failed', error })
    expect((await jobs.attempts(jobId, { owner: allOwners }))[0]?.error?.thrown).toContain(expected)
  })
})

describe('the return value of a handler', () => {
  it.each([
    ['a BigInt', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    [
      'a throwing toJSON',
      {
        toJSON() {
          throw new Error('no')
        },
      },
    ],
  ])('fails with a clear error if JSON cannot represent it: %s', async (_, value) => {
    const odd = job({ input, run: () => value as unknown })
    const { jobs, clock } = open({ odd })
    await jobs.work()
    const { jobId } = await jobs.enqueue('odd', {})
    await clock.advance(0)
    const ended = await jobs.get(jobId, { owner: allOwners })
    expect(ended).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-output' } })
    expect(ended?.error?.message).toContain('JSON cannot')
    expect(ended?.error).not.toHaveProperty('thrown')
  })

  it('may be undefined', async () => {
    const { jobs, clock } = open({ quiet: job({ input, run: () => {} }) })
    await jobs.work()
    const { jobId } = await jobs.enqueue('quiet', {})
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed', output: null })
  })
})

describe('timeouts and delays', () => {
  it('times out an attempt, whether or not its handler observes the signal', async () => {
    const aborted = gate<unknown>()
    const slow = job({
      input,
      maxAttempts: 2,
      timeout: 5_000,
      run: ({ signal }) => {
        signal.addEventListener('abort', () => aborted.open(signal.reason))
        return new Promise<never>(() => {})
      },
    })
    const { jobs, clock } = open({ slow })
    await jobs.work()
    const { jobId } = await jobs.enqueue('slow', {})
    await clock.advance(4_999)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'running', attempt: 1 })
    await clock.advance(1)
    expect(await aborted.passed).toMatchObject({ name: 'TimeoutError' })
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'pending',
      attempt: 1,
      lastError: { code: 'timeout' },
    })
    await clock.advance(6_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { code: 'timeout' },
    })
  })

  it('renews the lease of a long attempt, so that no other worker takes the job', async () => {
    const done = gate()
    let runs = 0
    const long = job({
      input,
      run: async () => {
        runs++
        await done.passed
      },
    })
    const { jobs, clock } = open({ long })
    await jobs.work()
    await jobs.work()
    const { jobId } = await jobs.enqueue('long', {})
    for (let lease = 0; lease < 5; lease++) await clock.advance(30_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'running', attempt: 1, version: 2 })
    done.open()
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed', attempt: 1 })
    expect(runs).toBe(1)
  })

  it('does not run a job before its delay or runAt', async () => {
    const { jobs, clock } = open({ later: job({ input, run: () => 1 }) })
    await jobs.work()
    const one = await jobs.enqueue('later', {}, { delay: 10_000 })
    const two = await jobs.enqueue('later', {}, { runAt: new Date(clock.now() + 20_000) })
    await clock.advance(9_999)
    expect(await jobs.get(one.jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
    await clock.advance(1)
    expect(await jobs.get(one.jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
    expect(await jobs.get(two.jobId, { owner: allOwners })).toMatchObject({ status: 'pending' })
    await clock.advance(10_000)
    expect(await jobs.get(two.jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
  })
})

describe('order and input', () => {
  it('runs high before normal, and older before newer jobs', async () => {
    const seen: string[] = []
    const types = { note: job({ input: z.object({ n: z.string() }), run: ({ input }) => void seen.push(input.n) }) }
    const { jobs, clock } = open(types)
    await jobs.enqueue('note', { n: 'a' })
    await jobs.enqueue('note', { n: 'b' })
    await jobs.enqueue('note', { n: 'c' }, { priority: 'high' })
    await jobs.work({ concurrency: 1 })
    await clock.advance(10)
    expect(seen).toEqual(['c', 'a', 'b'])
  })

  it('passes the parsed input and the owner to the handler', async () => {
    const seen: unknown[] = []
    const dated = job({
      input: z.object({ day: z.string().transform((day) => new Date(day)), n: z.number().default(7) }),
      run: ({ input, owner, jobId, attempt }) => void seen.push({ ...input, owner, jobId, attempt }),
    })
    const { jobs, clock } = open({ dated })
    await jobs.work()
    const { jobId } = await jobs.enqueue('dated', { day: '2026-01-02' }, { owner: 'alice' })
    await clock.advance(0)
    expect(seen).toEqual([{ day: new Date('2026-01-02'), n: 7, owner: 'alice', jobId, attempt: 1 }])
  })

  it('passes a logger to the handler that adds the job id', async () => {
    const fields: Record<string, unknown>[] = []
    const log: Log = {
      ...silentLog,
      child(more) {
        fields.push(more)
        return log
      },
    }
    const { jobs, clock } = open({ said: job({ input, run: ({ log }) => log.info({}, 'hello') }) }, { log })
    await jobs.work()
    const { jobId } = await jobs.enqueue('said', {})
    await clock.advance(0)
    expect(fields).toContainEqual({ jobId, type: 'said', attempt: 1, worker: expect.any(String) })
  })
})
