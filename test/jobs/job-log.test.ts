import { expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, type JobContext, job } from '../../packages/uketsuke/src/index.ts'
import { open } from './setup.ts'

/** Runs one job whose handler does this, and resolves with what was kept. */
async function logged(say: (log: JobContext<unknown>['log'], attempt: number) => void) {
  const said = job({ input: z.object({}), maxAttempts: 2, run: ({ log, attempt }) => say(log, attempt) })
  const { jobs, clock } = open({ said })
  const { jobId } = await jobs.enqueue('said', {}, { owner: 'ann' })
  await jobs.work()
  for (let n = 0; n < 5; n++) await clock.advance(1_000)
  return { jobs, jobId, lines: await jobs.logLines(jobId, { owner: allOwners }) }
}

it('keeps what a handler logs in each attempt, with the fields of child loggers', async () => {
  const { lines } = await logged((log, attempt) => {
    log.child({ page: 1 }).info({ n: attempt }, 'drawn')
    if (attempt === 1) throw new Error('again')
    log.error({ err: new TypeError('late') }, 'failed')
  })
  expect(lines).toMatchObject([
    { level: 'info', message: 'drawn', attempt: 1, fields: { page: 1, n: 1 }, at: expect.any(Number) },
    { level: 'info', message: 'drawn', attempt: 2, fields: { page: 1, n: 2 } },
    { level: 'error', message: 'failed', attempt: 2, fields: { err: { type: 'TypeError', message: 'late' } } },
  ])
})

it('survives fields that JSON cannot hold, and lines that are too long', async () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const { lines } = await logged((log) => {
    log.info({ cycle }, 'a cycle')
    log.info({ n: 1n }, 'a bigint')
    log.info({ long: 'x'.repeat(10_000) }, 'too long')
    log.info({ err: new RangeError('no') }, 'an error')
    log.info({}, 'y'.repeat(5_000))
  })
  expect(lines.slice(0, 3).map(({ fields }) => fields)).toEqual([
    { omitted: true },
    { omitted: true },
    { omitted: true },
  ])
  expect(lines[3]?.fields).toMatchObject({ err: { type: 'RangeError', message: 'no' } })
  expect(lines[4]?.message).toHaveLength(1_000)
})

it('keeps the last 1,000 lines of a job that logs without end, with their numbers', async () => {
  const { lines } = await logged((log) => {
    for (let n = 0; n < 10_000; n++) log.info({ n }, 'a line of a noisy handler')
  })
  expect(lines.map(({ number }) => number)).toEqual(Array.from({ length: 1_000 }, (_, n) => 9_001 + n))
})

it('keeps the last 256 KiB of long lines', async () => {
  const { lines } = await logged((log) => {
    for (let n = 0; n < 1_000; n++) log.info({ long: 'x'.repeat(1_000) }, 'a long line')
  })
  const size = JSON.stringify(lines).length
  expect(lines.at(-1)?.number).toBe(1_000)
  expect(size).toBeGreaterThan(250_000)
  expect(size).toBeLessThan(270_000)
})

it('is only for operators, and gone with the job', async () => {
  const { jobs, jobId } = await logged((log) => log.info({}, 'x'))
  await expect(jobs.logLines(jobId, { owner: 'ann' as never })).rejects.toMatchObject({ code: 'invalid-owner' })
  await jobs.remove(jobId, { owner: 'ann' })
  await expect(jobs.logLines(jobId, { owner: allOwners })).rejects.toMatchObject({ code: 'job-not-found' })
})
