import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { job, sqlite } from '../../packages/uketsuke/src/index.ts'
import { allOwners, type Store } from '../../packages/uketsuke/src/store/port.ts'
import { gate, open, tempFile } from './setup.ts'

const input = z.object({})
const neverEnding = job({ input, run: () => new Promise<never>(() => {}) })
const polite = job({
  input,
  run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
})

describe('cancel', () => {
  it('cancels a pending job immediately', async () => {
    const { jobs } = open({ neverEnding })
    const { jobId } = await jobs.enqueue('neverEnding', {})
    expect(await jobs.cancel(jobId, { owner: allOwners })).toMatchObject({
      status: 'cancelled',
      error: { code: 'cancelled' },
      attempt: 0,
    })
  })

  it('aborts the signal of a running job, which is then cancelled and not retried', async () => {
    const { jobs, clock } = open({ polite })
    await jobs.work()
    const { jobId } = await jobs.enqueue('polite', {})
    await clock.advance(0)
    expect(await jobs.cancel(jobId, { owner: allOwners })).toMatchObject({
      status: 'running',
      cancelRequestedAt: expect.any(String),
    })
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'cancelled', attempt: 1 })
    expect((await jobs.attempts(jobId, { owner: allOwners })).map(({ outcome }) => outcome)).toEqual(['cancelled'])
  })

  it('cancels a job after five seconds if its handler ignores the signal', async () => {
    const { jobs, clock } = open({ neverEnding })
    await jobs.work()
    const { jobId } = await jobs.enqueue('neverEnding', {})
    await clock.advance(0)
    await jobs.cancel(jobId, { owner: allOwners })
    await clock.advance(4_999)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'running' })
    await clock.advance(1)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'cancelled' })
  })

  it('keeps the output of a handler that completes anyway', async () => {
    const end = gate()
    const busy = job({ input, run: () => end.passed.then(() => 'done anyway') })
    const { jobs, clock } = open({ busy })
    await jobs.work()
    const { jobId } = await jobs.enqueue('busy', {})
    await clock.advance(0)
    await jobs.cancel(jobId, { owner: allOwners })
    end.open()
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed', output: 'done anyway' })
  })

  it('does not change a job that has ended', async () => {
    const { jobs } = open({ neverEnding })
    const { jobId } = await jobs.enqueue('neverEnding', {})
    const ended = await jobs.cancel(jobId, { owner: allOwners })
    expect(await jobs.cancel(jobId, { owner: allOwners })).toEqual(ended)
  })
})

describe('stop', () => {
  it('claims no more jobs and lets running jobs finish', async () => {
    const end = gate()
    const busy = job({ input, run: () => end.passed })
    const { jobs, clock } = open({ busy })
    const worker = await jobs.work({ concurrency: 1 })
    const one = await jobs.enqueue('busy', {})
    const two = await jobs.enqueue('busy', {})
    await clock.advance(0)
    const stopped = worker.stop()
    await clock.advance(1_000)
    end.open()
    await clock.advance(0)
    await stopped
    await clock.advance(5_000)
    expect(await jobs.get(one.jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
    expect(await jobs.get(two.jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
  })

  it('releases jobs that do not finish in time, without costing an attempt', async () => {
    const { jobs, clock } = open({ neverEnding })
    const worker = await jobs.work({ drain: 3_000 })
    const { jobId } = await jobs.enqueue('neverEnding', {})
    await clock.advance(0)
    const stopped = worker.stop()
    await clock.advance(2_999)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'running', attempt: 1 })
    await clock.advance(1)
    await stopped
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
    expect((await jobs.attempts(jobId, { owner: allOwners })).map(({ outcome, error }) => [outcome, error])).toEqual([
      ['released', null],
    ])
    await jobs.work()
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'running', attempt: 1 })
  })

  it('leaves no timers or listeners behind', async () => {
    const { jobs, clock } = open({ polite })
    const worker = await jobs.work()
    await clock.advance(0)
    await worker.stop()
    expect(clock.pending).toBe(0)
  })
})

describe('a worker that dies', () => {
  /** A store from which another worker claims a job and then dies. */
  async function orphan(maxAttempts: number, webhookUrl?: string) {
    let store: Store | undefined
    const quick = job({ input, maxAttempts, run: () => 'second' })
    const path = tempFile()
    const opened = open(
      { quick },
      {
        store: (clock) => {
          store = sqlite(path)(clock)
          return store
        },
        webhooks: { secret: 'whsec_YSBzZWNyZXQgb2YgMjQgYnl0ZXMgb3IgbW9yZQ==', allowHosts: ['127.0.0.1:9'] },
      },
    )
    const { jobId } = await opened.jobs.enqueue('quick', {}, { webhookUrl })
    const [claimed] =
      (await store?.claim({
        queue: 'jobs',
        types: ['quick'],
        limit: 1,
        worker: 'dead',
        leaseMs: 30_000,
      })) ?? []
    expect(claimed).toMatchObject({ id: jobId, status: 'running', attempt: 1 })
    return { ...opened, jobId, store: store as Store }
  }

  it('loses its lease, and its job runs again within two seconds after that', async () => {
    const { jobs, clock, jobId } = await orphan(3)
    await jobs.work()
    await clock.advance(29_999)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'running', attempt: 1 })
    await clock.advance(2_001)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'completed',
      attempt: 2,
      output: 'second',
    })
    expect(
      (await jobs.attempts(jobId, { owner: allOwners })).map(({ attempt, outcome, worker }) => [
        attempt,
        outcome,
        worker,
      ]),
    ).toEqual([
      [1, 'lease-lost', 'dead'],
      [2, 'completed', expect.not.stringContaining('dead')],
    ])
  })

  it('can use up the last attempt: the job fails, and its webhook is sent', async () => {
    const { jobs, clock, jobId, store } = await orphan(1, 'http://127.0.0.1:9/')
    await jobs.work()
    await clock.advance(32_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      error: { code: 'lease-lost', retryable: false },
    })
    expect(await store.deliveries(allOwners, jobId)).toHaveLength(1)
  })
})

describe('a job that has ended', () => {
  it('can be retried as a new job', async () => {
    const { jobs, clock } = open({ one: job({ input: z.object({ n: z.number() }), run: ({ input }) => input.n }) })
    const first = await jobs.enqueue('one', { n: 5 }, { owner: 'alice', metadata: { m: 1 } })
    await expect(jobs.retry(first.jobId, { owner: allOwners })).rejects.toMatchObject({ code: 'job-not-finished' })
    await jobs.cancel(first.jobId, { owner: allOwners })
    const second = await jobs.retry(first.jobId, { owner: allOwners })
    expect(second).toMatchObject({ status: 'pending', retryOf: first.jobId, metadata: { m: 1 } })
    await jobs.work()
    await clock.advance(0)
    expect(await jobs.get(second.jobId, { owner: 'alice' })).toMatchObject({ status: 'completed', output: 5 })
    expect(await jobs.get(first.jobId, { owner: allOwners })).toMatchObject({ status: 'cancelled' })
  })

  it('is retried once per idempotency key, across restarts', async () => {
    const path = tempFile()
    const [before, owner] = [open({ neverEnding }, { store: sqlite(path) }), 'alice']
    const { jobId } = await before.jobs.enqueue('neverEnding', {}, { owner })
    const other = await before.jobs.enqueue('neverEnding', {}, { owner, idempotencyKey: 'k' })
    for (const one of [jobId, other.jobId]) await before.jobs.cancel(one, { owner })
    const again = await before.jobs.retry(jobId, { owner, idempotencyKey: 'k' })
    expect(again.retryOf).toBe(jobId)
    await before.jobs.close()

    const { jobs } = open({ neverEnding }, { store: sqlite(path) })
    expect((await jobs.retry(jobId, { owner, idempotencyKey: 'k' })).jobId).toBe(again.jobId)
    await expect(jobs.retry(other.jobId, { owner, idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    })
    for (const idempotencyKey of ['', 'é', 'x'.repeat(256), 7 as unknown as string]) {
      const code = 'invalid-idempotency-key'
      await expect(jobs.retry(jobId, { owner, idempotencyKey })).rejects.toMatchObject({ code })
      await expect(jobs.enqueue('neverEnding', {}, { owner, idempotencyKey })).rejects.toMatchObject({ code })
    }
    expect((await jobs.list({ owner })).items).toHaveLength(3)
  })

  it('can be removed, and no other job can', async () => {
    const { jobs } = open({ neverEnding })
    const { jobId } = await jobs.enqueue('neverEnding', {}, { owner: 'alice' })
    await expect(jobs.remove(jobId, { owner: allOwners })).rejects.toMatchObject({ code: 'job-not-finished' })
    await jobs.cancel(jobId, { owner: allOwners })
    await expect(jobs.remove(jobId, { owner: 'bob' })).rejects.toMatchObject({ code: 'job-not-found' })
    await jobs.remove(jobId, { owner: 'alice' })
    expect(await jobs.get(jobId, { owner: allOwners })).toBeNull()
  })

  it('is deleted after its retention, and not before', async () => {
    const day = 24 * 60 * 60_000
    const path = tempFile()
    const types = { brief: job({ input, retention: day, run: () => 1 }) }
    const { jobs, clock } = open(types, { store: sqlite(path) })
    const first = await jobs.work()
    const { jobId } = await jobs.enqueue('brief', {})
    await clock.advance(0)
    await first.stop()
    // The pruner runs when a worker starts, so simulating the time in between would test nothing more.
    await clock.advance(day - 10_000)
    const second = await jobs.work()
    await clock.advance(2_000)
    await second.stop()
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'completed',
      expiresAt: expect.any(String),
    })
    await clock.advance(10_000)
    await jobs.work()
    await clock.advance(2_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toBeNull()
  })
})
