import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, job } from '../../packages/uketsuke/src/index.ts'
import { open } from './setup.ts'

const types = {
  double: job({ input: z.object({ n: z.number() }), run: ({ input }) => input.n * 2 }),
  shout: job({ input: z.object({ text: z.string() }), run: ({ input }) => input.text.toUpperCase() }),
}
const owner = 'ann'

async function oneDouble() {
  const { jobs, clock } = open(types)
  const { jobId } = await jobs.enqueue('double', { n: 21 }, { owner })
  return { jobs, clock, jobId }
}

describe('a job looked up by type and id', () => {
  it('is found under its own type, for one owner and for all', async () => {
    const { jobs, clock, jobId } = await oneDouble()
    expect(await jobs.get('double', jobId, { owner, include: ['input'] })).toMatchObject({ jobId, input: { n: 21 } })
    await jobs.work()
    const states: unknown[] = []
    const watching = (async () => {
      for await (const { status } of jobs.watch('double', jobId, { owner: allOwners })) states.push(status)
    })()
    await clock.advance(1_000)
    await watching
    expect(states.at(-1)).toBe('completed')
    expect(await jobs.get('double', jobId, { owner })).toMatchObject({ output: 42 })
    expect(await jobs.retry('double', jobId, { owner })).toMatchObject({ type: 'double', retryOf: jobId })
  })

  it('does not exist under another type, and is not changed', async () => {
    const { jobs, jobId } = await oneDouble()
    expect(await jobs.get('shout', jobId, { owner })).toBeNull()
    const notFound = { code: 'job-not-found' }
    await expect(jobs.cancel('shout', jobId, { owner })).rejects.toMatchObject(notFound)
    await expect(jobs.watch('shout', jobId, { owner }).next()).rejects.toMatchObject(notFound)
    expect(await jobs.cancel('double', jobId, { owner })).toMatchObject({ status: 'cancelled' })
    await expect(jobs.retry('shout', jobId, { owner })).rejects.toMatchObject(notFound)
    expect((await jobs.list({ owner })).items).toHaveLength(1)
  })

  it('still belongs to its owner', async () => {
    const { jobs, jobId } = await oneDouble()
    expect(await jobs.get('double', jobId, { owner: 'bob' })).toBeNull()
    await expect(jobs.cancel('double', jobId, { owner: 'bob' })).rejects.toMatchObject({ code: 'job-not-found' })
    // @ts-expect-error An owner is required here too.
    await expect(jobs.get('double', jobId)).rejects.toMatchObject({ code: 'invalid-owner' })
  })
})
