import { expect } from 'vitest'
import { z } from 'zod'
import { createJobs, type JobsOptions, job, type StoreFactory, silentLog } from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { atEnd } from '../jobs/setup.ts'

type Options = JobsOptions<{ held: ReturnType<typeof held> }>
const held = () => job({ input: z.object({}), run: () => null })

/** Several job systems on one store, like processes, behind a load balancer that takes turns. */
export function processes(store: () => StoreFactory, quotas: Options['quotas'], count = 3) {
  const clock = manualClock()
  const all = Array.from({ length: count }, () => {
    const authenticate = (request: Request) => ({ owner: request.headers.get('authorization') ?? 'ann' })
    const jobs = createJobs({
      jobs: { held: held() },
      store: store(),
      clock,
      log: silentLog,
      authenticate,
      quotas: quotas!,
    })
    atEnd(() => jobs.close())
    return jobs
  })
  let turn = 0
  const call = (path = '', { as = 'ann', key, method = 'GET', body }: Call = {}) => {
    const headers = { authorization: as, 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    return all[turn++ % count]!.fetch(new Request(`http://localhost/api/jobs${path}`, init))
  }
  const create = (more: Call = {}) => call('', { method: 'POST', body: { type: 'held', input: {} }, ...more })
  return { all, clock, call, create }
}

interface Call {
  as?: string
  key?: string
  method?: string
  body?: unknown
}

export const count = (answers: readonly Response[], status: number) =>
  answers.filter((one) => one.status === status).length

/** Makes many calls at once. */
export const burst = (calls: number, call: () => Promise<Response>) => Promise.all(Array.from({ length: calls }, call))

/** Three processes accept as many requests of one owner as one would, within a tenth. */
export async function sharesRequestQuota(store: () => StoreFactory): Promise<void> {
  const { call } = processes(store, { requests: { limit: 100, window: 60 * 60_000 } })
  const answers = await burst(300, () => call())
  expect(count(answers, 200) + count(answers, 429)).toBe(300)
  expect(count(answers, 200)).toBeGreaterThanOrEqual(90)
  expect(count(answers, 200)).toBeLessThanOrEqual(101)
  expect((await call('', { as: 'bob' })).status).toBe(200)
}

/** Three processes accept as many waiting jobs of one owner as one would, within a tenth. */
export async function sharesWaitingQuota(store: () => StoreFactory): Promise<void> {
  const { all, call, create } = processes(store, { waitingJobs: 100 })
  const answers = await burst(300, create)
  expect(count(answers, 202) + count(answers, 429)).toBe(300)
  expect(count(answers, 202)).toBeGreaterThanOrEqual(95)
  expect(count(answers, 202)).toBeLessThanOrEqual(105)
  expect(await all[0]!.stats()).toMatchObject({ jobs: { pending: count(answers, 202) } })
  const accepted = await Promise.all(answers.filter(({ status }) => status === 202).map((one) => one.json()))
  const over = accepted.length - 100
  for (const { jobId } of (accepted as { jobId: string }[]).slice(0, 10 + over)) {
    expect((await call(`/${jobId}/cancel`, { method: 'POST' })).status).toBe(200)
  }
  const more = await burst(30, create)
  expect(count(more, 202)).toBeGreaterThanOrEqual(9)
  expect(count(more, 202)).toBeLessThanOrEqual(12)
}
