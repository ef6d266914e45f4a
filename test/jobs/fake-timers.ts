import { setTimeout as realTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { z } from 'zod'
import { type createJobs as Create, job, type StoreFactory, silentLog } from '../../packages/uketsuke/src/index.ts'
import { atEnd } from './setup.ts'

/** Does everything that a program does with jobs after `fake()`. Fails if anything hangs. */
export async function liveUnder(fake: () => void, createJobs: typeof Create, store: StoreFactory): Promise<void> {
  const jobs = createJobs({
    jobs: { greet: job({ input: z.object({}), run: () => 'done' }) },
    store,
    log: silentLog,
    authenticate: () => ({ owner: 'ada' }),
  })
  atEnd(() => within(8_000, jobs.close(), 'close'))
  fake()
  const { jobId } = await within(5_000, jobs.enqueue('greet', {}, { owner: 'ada' }), 'enqueue')
  await within(5_000, jobs.enqueueMany('greet', [{}, {}], { owner: 'ada' }), 'enqueueMany')
  await within(5_000, jobs.work(), 'work')
  const poll = new Request(`http://localhost/api/jobs/${jobId}`, { headers: { prefer: 'wait=20' } })
  const answer = await within(10_000, jobs.fetch(poll), 'a long poll')
  expect(answer.status).toBe(200)
  // Do not read the response body: Node.js would call the faked global queueMicrotask.
  const ended = await within(5_000, jobs.get(jobId, { owner: 'ada' }), 'get')
  expect(ended).toMatchObject({ status: 'completed', output: 'done' })
  await within(8_000, jobs.close(), 'close')
}

async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  const over = new AbortController()
  const late = realTimeout(ms, null, { signal: over.signal }).then(() => expect.fail(`${what} hangs after ${ms} ms`))
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}
