import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, job } from '../../packages/uketsuke/src/index.ts'
import { open } from './setup.ts'

const input = z.object({})

/** Runs one job of a type to its end. */
async function ended(type: Parameters<typeof open>[0][string]) {
  const { jobs, clock } = open({ it: type })
  await jobs.work()
  const { jobId } = await jobs.enqueue('it', {})
  await clock.advance(60_000)
  return jobs.get(jobId, { owner: allOwners })
}

describe('a job type with an output schema', () => {
  it.each([
    ['zod', z.object({ pages: z.number() })],
    ['valibot', v.object({ pages: v.number() })],
    ['arktype', type({ pages: 'number' })],
  ])('stores an output that matches, with %s', async (_, output) => {
    expect(await ended(job({ input, output, run: () => ({ pages: 7 }) }))).toMatchObject({
      status: 'completed',
      output: { pages: 7 },
    })
  })

  it('stores what the schema makes of it', async () => {
    const output = z.object({ pages: z.string().transform(Number), by: z.string().default('us') })
    expect(await ended(job({ input, output, run: async () => ({ pages: '7', secret: 'left out' }) }))).toMatchObject({
      output: { pages: 7, by: 'us' },
    })
    const checked = z.object({ pages: z.number() }).refine(async () => true)
    expect(await ended(job({ input, output: checked, run: () => ({ pages: 8 }) }))).toMatchObject({
      output: { pages: 8 },
    })
  })

  it('fails without a retry, with the place, when the output does not match', async () => {
    const output = z.object({ 'a/b': z.array(z.object({ n: z.number() })) })
    const wrong = { 'a/b': [{ n: 1 }, { n: 'two' as never }] }
    const job1 = await ended(job({ input, output, run: () => wrong }))
    expect(job1).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-output', retryable: false } })
    expect(job1?.error?.message).toMatch(/^The output at \/a~1b\/1\/n does not match its schema: ./)
    const nothing = await ended(job({ input, output: z.string(), run: () => undefined as never }))
    expect(nothing?.error?.message).toMatch(/^The output does not match its schema: ./)
  })

  it('is retried like any handler when the schema itself throws', async () => {
    const output = z.string().transform(() => {
      throw new Error('secret of the schema')
    })
    const job1 = await ended(job({ input, output: output as z.ZodType<string, string>, run: () => 'text' }))
    expect(job1).toMatchObject({ status: 'failed', attempt: 3, error: { code: 'handler-error' } })
    expect(JSON.stringify(job1)).not.toContain('secret')
  })

  it('is refused when it is no schema', () => {
    expect(() => job({ input, output: {} as never, run: () => 1 as never })).toThrow('output must be a Standard Schema')
  })
})

describe('enqueue in a handler', () => {
  it('stores a job of the same owner, or of another', async () => {
    const { jobs, clock } = open({
      parent: job({
        input,
        run: async ({ enqueue, jobId }) => {
          const child = await enqueue('child', { n: 1 }, { idempotencyKey: `${jobId}-child`, priority: 'high' })
          const again = await enqueue('child', { n: 1 }, { idempotencyKey: `${jobId}-child`, priority: 'high' })
          await enqueue('child', { n: 2 }, { owner: 'bob' })
          return [child.jobId, again.jobId]
        },
      }),
      child: job({ input: z.object({ n: z.number() }), run: ({ input, owner }) => `${owner}${input.n}` }),
    })
    await jobs.work()
    const parent = await jobs.enqueue('parent', {}, { owner: 'ann' })
    await clock.advance(5_000)
    const done = await jobs.get('parent', parent.jobId, { owner: 'ann' })
    expect(done?.output).toHaveLength(2)
    expect(new Set(done?.output).size).toBe(1)
    const children = (await jobs.list({ owner: allOwners, type: 'child' })).items
    const outputs = await Promise.all(children.map(({ jobId }) => jobs.get('child', jobId, { owner: allOwners })))
    expect(outputs.map((one) => one?.output).sort()).toEqual(['ann1', 'bob2'])
  })

  it('rejects what enqueue rejects, and the attempt fails', async () => {
    const { jobs, clock } = open({
      parent: job({
        input,
        maxAttempts: 1,
        run: ({ enqueue }) =>
          Promise.allSettled([
            enqueue('nothing', {}),
            enqueue('parent', 1),
            enqueue('parent', {}, { owner: undefined as never }),
          ]).then((all) =>
            all.map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'stored')),
          ),
      }),
    })
    await jobs.work()
    const { jobId } = await jobs.enqueue('parent', {}, { owner: 'ann' })
    await clock.advance(5_000)
    expect((await jobs.get('parent', jobId, { owner: 'ann' }))?.output).toEqual([
      'unknown-job-type',
      'validation-error',
      'invalid-owner',
    ])
  })
})
