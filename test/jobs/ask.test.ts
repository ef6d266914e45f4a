import { expect, it } from 'vitest'
import { z } from 'zod'
import { until } from '../until.ts'
import { ended, every, type Handler, one, open } from './setup.ts'

/** Runs a job of one handler, and resolves with what it is. */
async function run(handler: Handler, more = {}) {
  const { jobs, clock } = open(one(handler, { maxAttempts: 1, ...more }))
  await jobs.work()
  const { jobId } = await jobs.enqueue('one', {})
  return { jobs, clock, jobId }
}
const asked = (jobs: Awaited<ReturnType<typeof run>>['jobs'], jobId: string) =>
  until(async () => {
    const open = await jobs.questions(jobId, every)
    return open.length > 0 ? open : null
  })

it.each<[string, Handler]>([
  ['an empty name', ({ ask }) => ask('', { message: 'x' })],
  ['a long name', ({ ask }) => ask('x'.repeat(256), { message: 'x' })],
  [
    'a name that is used twice',
    async ({ ask }) => Promise.all([ask('a', { message: 'x' }), ask('a', { message: 'x' })]),
  ],
  ['no message', ({ ask }) => ask('a', { message: '' })],
  ['a long message', ({ ask }) => ask('a', { message: 'x'.repeat(2_001) })],
  ['a schema that is no object', ({ ask }) => ask('a', { message: 'x', schema: z.string() })],
  [
    'a field that no form can show',
    ({ ask }) => ask('a', { message: 'x', schema: z.object({ b: z.date().nullable() }) }),
  ],
])('a question with %s fails the job at once', async (_, handler) => {
  const { jobs, jobId } = await run(handler, { maxAttempts: 3 })
  expect(await ended(jobs, jobId)).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-question' } })
})

it('a job asks at most 100 questions', async () => {
  const { jobs, jobId } = await run(async ({ ask }) => {
    await Promise.all(Array.from({ length: 101 }, (_, i) => ask(String(i), { message: 'x' })))
  })
  expect((await ended(jobs, jobId)).error).toMatchObject({ message: 'A job asks at most 100 questions.' })
})

it('a job asks at most 100 questions in all of its attempts', async () => {
  const handler: Handler = async ({ ask, attempt }) => {
    const asks = Array.from({ length: 60 }, (_, i) => ask(`${attempt}.${i}`, { message: 'x' }))
    if (attempt === 2) return Promise.all(asks)
    await until(async () => (await jobs.questions(jobId, every)).length === 60)
    throw new Error('Once more.')
  }
  const { jobs, clock } = open(one(handler, { maxAttempts: 2 }))
  const { jobId } = await jobs.enqueue('one', {})
  await jobs.work()
  await until(async () => (await jobs.get(jobId, every))?.lastError !== undefined)
  await clock.advance(60_000)
  expect((await ended(jobs, jobId)).error).toMatchObject({ message: 'A job asks at most 100 questions.' })
})

it('the timeout of the attempt ends a question', async () => {
  const { jobs, clock, jobId } = await run(({ ask }) => ask('a', { message: 'x' }), { timeout: 60_000 })
  await asked(jobs, jobId)
  await clock.advance(60_000)
  expect(await ended(jobs, jobId)).toMatchObject({ error: { code: 'timeout' } })
  expect(await jobs.questions(jobId, every)).toEqual([])
})

it('a cancellation ends a question', async () => {
  let reason: unknown
  const { jobs, jobId } = await run(({ ask }) =>
    ask('a', { message: 'x' }).catch((error: Error) => {
      reason = error.name
      throw error
    }),
  )
  await asked(jobs, jobId)
  await jobs.cancel(jobId, every)
  expect(await ended(jobs, jobId)).toMatchObject({ status: 'cancelled' })
  expect(reason).toBe('AbortError')
})

it('a handler may go on without the answer, and nothing waits for it when it has ended', async () => {
  let settled = false
  const { jobs, clock, jobId } = await run(async ({ ask }) => {
    void ask('a', { message: 'x', within: 60_000 }).finally(() => {
      settled = true
    })
    return 'done'
  })
  expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 'done' })
  await clock.advance(120_000)
  expect(settled).toBe(false)
  const late = jobs.answer(jobId, 'a', { action: 'decline' }, every)
  await expect(late).rejects.toMatchObject({ code: 'not-found' })
})

it('progress goes on while a question is open, and the answer is not missed', async () => {
  const { jobs, clock, jobId } = await run(async ({ ask, progress }) => {
    const answer = ask('a', { message: 'x' })
    progress(10, 'waiting')
    return (await answer).action
  })
  await asked(jobs, jobId)
  await jobs.answer(jobId, 'a', { action: 'accept' }, every)
  await clock.advance(100)
  expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 'accept' })
})

it('a question that is asked again after a restart keeps its end', async () => {
  const { jobs, clock, jobId } = await run(
    async ({ ask, attempt, signal }) => {
      const answer = ask('a', { message: 'x', within: 60_000 })
      if (attempt > 1) return answer
      await new Promise((_, reject) => signal.addEventListener('abort', reject))
    },
    { maxAttempts: 2, timeout: 30_000 },
  )
  const [first] = await asked(jobs, jobId)
  await clock.advance(30_000)
  await until(async () => (await jobs.get(jobId, every))?.attempt === 2)
  expect(await asked(jobs, jobId)).toEqual([first])
  await clock.advance(29_000)
  expect(await asked(jobs, jobId)).toEqual([first])
  await clock.advance(1_000)
  expect(await ended(jobs, jobId)).toMatchObject({ attempt: 2, status: 'failed' })
})
