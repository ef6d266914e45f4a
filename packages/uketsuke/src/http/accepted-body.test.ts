import { expect, it } from 'vitest'
import { cancel, claim, create, fail, progress, retry, succeed } from '../domain/rules.ts'
import { view } from '../domain/view.ts'
import { acceptedBody } from './accepted-body.ts'

const request = {
  id: '01JD0000000000000000000000',
  type: 'a',
  owner: 'o',
  input: '{"n":1}',
  maxAttempts: 3,
  retainFor: 1,
}
const pending = create(request, 1_764_000_000_123)
const running = claim(pending, 1_764_000_000_200, { worker: 'w', leaseMs: 1 })!
const ended = succeed(running, 1_764_000_000_300, '{"page":"\\"<é>"}')!
const error = { code: 'handler-error', message: 'The "first" attempt\nfailed.', retryable: true }

it.each([
  ['new', pending],
  [
    'new, high priority, due later',
    create({ ...request, priority: 'high', runAt: 1_764_000_009_000 }, 1_764_000_000_000),
  ],
  ['new, with a webhook', create({ ...request, webhookUrl: 'https://example.com/?a="b"\\é' }, 0)],
  ['new, with metadata', create({ ...request, metadata: '{"a":"é"}' }, 0)],
  ['new, with quotes in its type', create({ ...request, type: 'a"b\\' }, 0)],
  ['a retry', create(retry(ended, '01JD0000000000000000000001')!, 0)],
  ['running', progress(running, 50, 'half')!],
  ['pending its second attempt', fail(running, 9, error, 99)!],
  ['completed', ended],
  ['cancelled', cancel(pending, 9)!],
])('equals JSON.stringify of the view: %s', (_, job) => {
  for (const base of ['/api/jobs', '', '/a"b\\ü']) {
    const text = acceptedBody(job, base)
    const { message, ...shown } = JSON.parse(text)
    expect(message).toMatch(/^The job was accepted and /)
    expect(text).toBe(JSON.stringify({ ...view(job, base), message }))
    expect(shown.jobId).toBe(job.id)
  }
})
