import { expect, it } from 'vitest'
import { batchDelivery, change, endedAttempt } from './change.ts'
import { isExpired, type Job } from './job.ts'
import { cancel, claim, create, fail, succeed } from './rules.ts'

const job = create({ id: 'a', type: 't', owner: 'o', input: '{}', maxAttempts: 2, retainFor: 1 }, 0)
const running = claim(job, 0, { worker: 'w', leaseMs: 30 }) as Job
const error = { code: 'x', message: 'y', retryable: true }

it('names the attempt that a change has ended', () => {
  const by = (before: Job, after: Job | null) => endedAttempt(change(before, after as Job, 5))?.outcome
  expect(by(running, succeed(running, 5, '1'))).toBe('completed')
  expect(by(running, fail(running, 5, error, 9))).toBe('retrying')
  expect(by(job, running)).toBeUndefined()
  expect(by(job, cancel(job, 5))).toBeUndefined()
})

it('knows when the retention of a job is over', () => {
  const ended = succeed(running, 5, '1') as Job
  expect([job, ended].map((one) => isExpired(one, 5))).toEqual([false, false])
  expect([job, ended].map((one) => isExpired(one, 6))).toEqual([false, true])
})

it('a batch is reported by one delivery, which belongs to the owner of its jobs', () => {
  const job = create({ id: 'A', type: 't', owner: 'ann', input: '{}', maxAttempts: 1, retainFor: 9 }, 5)
  expect(batchDelivery('B', 'https://example.com/', job, 7)).toMatchObject({
    ...{ id: 'B-webhook', parent: 'B', queue: 'deliveries', owner: 'ann', retainFor: 9, createdAt: 7, batch: null },
    input: '{"url":"https://example.com/","batch":"B"}',
  })
})
