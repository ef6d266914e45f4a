import { expect, it } from 'vitest'
import { cancel, claim, create } from '../domain/rules.ts'
import { retryAfter } from './response.ts'

const request = { id: 'x', type: 't', owner: 'o', input: '{}', maxAttempts: 3, retainFor: 1 }
const pending = create(request, 0)
const running = claim(pending, 0, { worker: 'w', leaseMs: 1 })!

it.each([
  ['next in the queue', pending, 0, 1, 1],
  ['behind 25 others', pending, 0, 26, 3],
  ['behind thousands', pending, 0, 5_000, 30],
  ['due later', create({ ...request, runAt: 90_001 }, 0), 0, 1, 91],
  ['just started', running, 0, 1, 1],
  ['started by a clock that runs ahead', running, -5_000, 1, 1],
  ['running for 50 seconds', running, 50_000, 1, 5],
  ['running for hours', running, 9_999_999, 1, 30],
  ['ended', cancel(pending, 0)!, 0, 1, null],
])('Retry-After of a job that is %s', (_, job, now, position, seconds) => {
  expect(retryAfter(job, now, position)).toBe(seconds)
})
