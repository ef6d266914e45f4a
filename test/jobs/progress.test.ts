import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, type JobContext, job } from '../../packages/uketsuke/src/index.ts'
import { gate, open } from './setup.ts'

/** A job that runs until the test ends it. The test gets the context of its handler. */
async function running(maxAttempts = 3) {
  const context = gate<JobContext<unknown>>()
  const end = gate()
  const held = job({
    input: z.object({}),
    maxAttempts,
    run: async (given) => {
      context.open(given)
      await end.passed
    },
  })
  const { jobs, clock } = open({ held })
  await jobs.work()
  const { jobId } = await jobs.enqueue('held', {})
  await clock.advance(0)
  const { progress } = await context.passed
  return { jobs, clock, jobId, progress, end, now: async () => jobs.get(jobId, { owner: allOwners }) }
}

describe('progress', () => {
  it('is stored immediately, with its message', async () => {
    const { clock, progress, now } = await running()
    progress(10, 'Reading')
    await clock.advance(0)
    expect(await now()).toMatchObject({ progress: 10, progressMessage: 'Reading', version: 3 })
  })

  it('never goes back, and 100 is reserved for completion', async () => {
    const { clock, progress, now, end } = await running()
    progress(60)
    await clock.advance(100)
    progress(30, 'Back?')
    await clock.advance(100)
    expect(await now()).toMatchObject({ progress: 60, progressMessage: 'Back?' })
    progress(100)
    await clock.advance(100)
    expect(await now()).toMatchObject({ progress: 99, status: 'running' })
    end.open()
    await clock.advance(0)
    expect(await now()).toMatchObject({ progress: 100, status: 'completed' })
  })

  it('is throttled to about ten writes a second, and keeps the last value', async () => {
    const { clock, progress, now } = await running()
    for (let n = 0; n < 1_000; n++) {
      progress(n / 20, `step ${n}`)
      await clock.advance(1)
    }
    await clock.advance(100)
    const { version, progressMessage } = (await now()) ?? {}
    expect(progressMessage).toBe('step 999')
    expect(version).toBeGreaterThanOrEqual(10)
    expect(version).toBeLessThanOrEqual(14)
  })

  it.each([Number.NaN, -1, 101, Number.POSITIVE_INFINITY, '50', undefined])(
    'rejects %s with a clear error',
    async (percent) => {
      const { progress } = await running()
      expect(() => progress(percent as number)).toThrow(expect.objectContaining({ code: 'invalid-progress' }))
    },
  )

  it('fails the attempt if the handler does not catch the error', async () => {
    const { jobs, clock } = open({ odd: job({ input: z.object({}), run: ({ progress }) => progress(Number.NaN) }) })
    await jobs.work()
    const { jobId } = await jobs.enqueue('odd', {})
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      error: { code: 'invalid-progress', message: 'Progress must be a number from 0 to 100.' },
    })
  })

  it('is ignored after the attempt has ended', async () => {
    const { clock, progress, end, now } = await running()
    end.open()
    await clock.advance(0)
    const ended = await now()
    progress(50, 'too late')
    await clock.advance(1_000)
    expect(await now()).toEqual(ended)
    expect(ended?.status).toBe('completed')
  })

  it('preserves NUL, line breaks and U+2028, and replaces lone surrogates', async () => {
    const { clock, progress, now } = await running()
    progress(1, 'a\0b\nid: 9\n\ndata: x\u2028\uD800')
    await clock.advance(0)
    expect((await now())?.progressMessage).toBe('a\uFFFDb\nid: 9\n\ndata: x\u2028\uFFFD')
  })
})
