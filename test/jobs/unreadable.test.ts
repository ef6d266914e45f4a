import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

/** A type whose schema rejects every input while `strict`. Records the attempts that ran. */
function changing(schema: (strict: () => boolean) => StandardSchemaV1 = refusing) {
  const runs: number[] = []
  const state = { strict: false }
  const type = job({ input: schema(() => state.strict), maxAttempts: 2, run: ({ attempt }) => void runs.push(attempt) })
  return { ...open({ changing: type }), runs, state }
}
const refusing = (strict: () => boolean) => z.any().refine(() => !strict(), 'Not any more.')

describe("an input that does not match the worker's schema", () => {
  it('is released without costing an attempt, and runs on the first worker that can read it', async () => {
    const { jobs, clock, runs, state } = changing()
    const { jobId } = await jobs.enqueue('changing', {})
    state.strict = true
    await jobs.work()
    await clock.advance(0)
    const waiting = await jobs.get(jobId, { owner: allOwners })
    expect(waiting).toMatchObject({
      status: 'pending',
      attempt: 0,
      version: 3,
      lastError: { code: 'input-unreadable', message: expect.stringContaining('Not any more.'), retryable: true },
    })
    expect(waiting?.lastError).not.toHaveProperty('since')
    expect(Date.parse(waiting?.runAt ?? '')).toBeGreaterThan(clock.now())
    await clock.advance(3 * 60_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
    state.strict = false
    await clock.advance(30_000)
    const done = await jobs.get(jobId, { owner: allOwners })
    expect(done).toMatchObject({ status: 'completed', attempt: 1 })
    expect(done).not.toHaveProperty('lastError')
    expect(runs).toEqual([1])
    expect((done?.version ?? 0) % 2).toBe(1)
  })

  it('fails with its own code after ten minutes without a worker that can read it, after few claims', async () => {
    const { jobs, clock, runs, state } = changing()
    const { jobId } = await jobs.enqueue('changing', {})
    state.strict = true
    await jobs.work()
    await clock.advance(9.9 * 60_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
    await clock.advance(60_000)
    const failed = await jobs.get(jobId, { owner: allOwners })
    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'input-unreadable', message: 'No worker could read the input within 10 minutes: Not any more.' },
    })
    expect(runs).toEqual([])
    // It is claimed and released repeatedly.
    expect(failed?.version).toBeLessThan(120)
    const released = (await jobs.attempts(jobId, { owner: allOwners })).filter(({ outcome }) => outcome === 'released')
    expect(released.length).toBeGreaterThan(10)
    expect(released[0]?.error).toMatchObject({ code: 'input-unreadable' })
  })

  it('keeps counting from the first failure across processes', async () => {
    const file = tempFile()
    const clock = manualClock()
    const refuses = job({ input: z.any().refine((input) => input !== 'new', 'Unknown.'), run: () => 1 })
    const accepts = job({ input: z.any(), run: () => 1 })
    const process = (type: typeof accepts) => {
      const jobs = createJobs({ jobs: { type }, store: sqlite(file), clock, log: silentLog })
      atEnd(() => jobs.close())
      return jobs
    }
    const { jobId } = await process(accepts).enqueue('type', 'new')
    for (let n = 0; n < 3; n++) {
      const jobs = process(refuses)
      const worker = await jobs.work()
      await clock.advance(3 * 60_000)
      expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
      await worker.stop()
    }
    const last = process(refuses)
    await last.work()
    await clock.advance(1.6 * 60_000)
    expect(await last.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      error: { code: 'input-unreadable' },
    })
  })

  it.each<[string, (strict: () => boolean) => StandardSchemaV1]>([
    [
      'throws',
      (strict) =>
        z.any().transform(() => {
          if (strict()) throw new Error('secret')
        }),
    ],
    ['rejects', (strict) => standard(async () => (strict() ? Promise.reject(new Error('secret')) : { value: 1 }))],
    ['rejects asynchronously', (strict) => z.any().refine(async () => !strict(), 'Not any more.')],
    ['returns hostile issues', (strict) => standard(() => (strict() ? { issues: [hostile] } : { value: 1 }))],
    ['returns invalid issues', (strict) => standard(() => (strict() ? { issues: 7 } : { value: 1 }))],
    ['returns nothing', (strict) => standard(() => (strict() ? undefined : { value: 1 }))],
  ])('is handled the same if the schema %s', async (_, schema) => {
    const { jobs, clock, runs, state } = changing(schema)
    const { jobId } = await jobs.enqueue('changing', {})
    state.strict = true
    await jobs.work()
    await clock.advance(60_000)
    const waiting = await jobs.get(jobId, { owner: allOwners })
    expect(waiting).toMatchObject({ status: 'pending', attempt: 0, lastError: { code: 'input-unreadable' } })
    expect(JSON.stringify(waiting)).not.toContain('secret')
    state.strict = false
    await clock.advance(30_000)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed', attempt: 1 })
    expect(runs).toEqual([1])
  })

  it('does not delay a stop if the schema never resolves', async () => {
    const began = gate()
    const state = { hangs: false }
    const hanging = z.any().refine(() => {
      if (!state.hangs) return true
      began.open()
      return new Promise<boolean>(() => {})
    })
    const { jobs, clock } = open({ hanging: job({ input: hanging, run: () => 1 }) })
    const { jobId } = await jobs.enqueue('hanging', {})
    state.hangs = true
    const worker = await jobs.work()
    await clock.advance(0)
    await began.passed
    const stopped = worker.stop()
    await clock.advance(25_000)
    await stopped
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'pending', attempt: 0 })
  })

  it('is cancelled on request', async () => {
    const { jobs, clock, state } = changing()
    const { jobId } = await jobs.enqueue('changing', {})
    state.strict = true
    await jobs.work()
    await clock.advance(10_000)
    expect(await jobs.cancel(jobId, { owner: allOwners })).toMatchObject({ status: 'cancelled' })
  })
})

const standard = (validate: () => unknown): StandardSchemaV1 =>
  ({ '~standard': { version: 1, vendor: 'tests', validate } }) as StandardSchemaV1
const hostile = {
  get message(): string {
    throw new Error('secret')
  },
}
