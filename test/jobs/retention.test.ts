import { expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, job, sqlite } from '../../packages/uketsuke/src/index.ts'
import { open, tempFile, visible } from './setup.ts'

const day = 24 * 60 * 60_000
const report = job({ input: z.object({}), run: () => 'done', retention: day })

it('responds with 410 once the retention of a job is over, and with 404 when it is pruned', async () => {
  const { store, opened } = visible(sqlite(tempFile()))
  const { jobs, clock } = open({ report }, { store, authenticate: () => ({ owner: 'ann' }) })
  const worker = await jobs.work()
  const { jobId } = await jobs.enqueue('report', {}, { owner: 'ann' })
  await clock.advance(2_000)
  await worker.stop()
  const get = async () => jobs.fetch(new Request(`http://localhost/api/jobs/${jobId}`))
  expect((await get()).status).toBe(200)
  await clock.advance(day)
  const gone = await get()
  expect([gone.status, await gone.json()]).toMatchObject([410, { type: 'urn:uketsuke:problem:job-expired' }])
  expect(await jobs.get(jobId, { owner: 'ann' })).toBe(null)
  await expect(jobs.retry(jobId, { owner: 'ann' })).rejects.toMatchObject({ code: 'job-expired' })
  expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
  await opened().prune(10)
  expect((await get()).status).toBe(404)
})

it('keeps at most so many finished jobs of a type', async () => {
  const limited = job({ input: z.object({}), run: () => 'done', maxKept: 3 })
  const { jobs, clock } = open({ limited, report })
  for (let n = 0; n < 5; n++) {
    await jobs.enqueue('limited', {})
    await jobs.enqueue('report', {})
    await clock.advance(1_000)
  }
  await jobs.work()
  for (let n = 0; n < 200; n++) await clock.advance(1_000)
  const { items } = await jobs.list({ owner: allOwners })
  expect(items.filter(({ type }) => type === 'limited')).toHaveLength(3)
  expect(items.filter(({ type }) => type === 'report')).toHaveLength(5)
})

it.each([-1, 1.5, 10_000_001, '3'])('does not start with maxKept: %s', (maxKept) => {
  expect(() => job({ input: z.object({}), run: () => 1, maxKept: maxKept as number })).toThrow(
    expect.objectContaining({ code: 'invalid-configuration' }),
  )
})
