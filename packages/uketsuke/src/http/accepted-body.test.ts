import { expect, it } from 'vitest'
import { cancel, claim, create, fail, progress, retry, succeed } from '../domain/rules.ts'
import { view } from '../domain/view.ts'
import { acceptedBody } from './accepted-body.ts'

const asked = {
  id: '01JD0000000000000000000000',
  type: 'a',
  owner: 'o',
  input: '{"n":1}',
  maxAttempts: 3,
  retainFor: 1,
}
const waiting = create(asked, 1_764_000_000_123)
const running = claim(waiting, 1_764_000_000_200, { worker: 'w', leaseMs: 1 })!
const ended = succeed(running, 1_764_000_000_300, '{"page":"\\"<é>"}')!
const error = { code: 'handler-error', message: 'The "first" try\nfailed.', retryable: true }

it.each([
  ['new', waiting],
  [
    'new, of high priority, due later',
    create({ ...asked, priority: 'high', runAt: 1_764_000_009_000 }, 1_764_000_000_000),
  ],
  ['new, with a webhook', create({ ...asked, webhookUrl: 'https://example.com/?a="b"\\é' }, 0)],
  ['new, with metadata', create({ ...asked, metadata: '{"a":"é"}' }, 0)],
  ['new, of a type with quotes', create({ ...asked, type: 'a"b\\' }, 0)],
  ['a retry', create(retry(ended, '01JD0000000000000000000001')!, 0)],
  ['running', progress(running, 50, 'half')!],
  ['waiting for its second attempt', fail(running, 9, error, 99)!],
  ['completed', ended],
  ['cancelled', cancel(waiting, 9)!],
])('the text of a job that is %s is what JSON.stringify makes of its view', (_, job) => {
  for (const base of ['/api/jobs', '', '/a"b\\ü']) {
    const text = acceptedBody(job, base)
    const { message, ...shown } = JSON.parse(text)
    expect(message).toMatch(/^The job was accepted and /)
    expect(text).toBe(JSON.stringify({ ...view(job, base), message }))
    expect(shown.jobId).toBe(job.id)
  }
})
