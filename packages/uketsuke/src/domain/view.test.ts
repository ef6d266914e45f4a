import { describe, expect, it } from 'vitest'
import type { Job } from './job.ts'
import { cancel, claim, create, fail, progress, succeed } from './rules.ts'
import { event, isoTime, view } from './view.ts'

const pending = create(
  { id: 'A', type: 't', owner: 'alice', input: '{"secret":1}', maxAttempts: 3, retainFor: 1_000 },
  0,
)
const running = claim(pending, 10, { worker: 'host-1', leaseMs: 30 }) as Job

describe('view', () => {
  it('says that it omits the output of a completed job that was read without it', () => {
    const done = { ...(succeed(running, 20, '1') as Job), output: null }
    expect(view(done, '')).toMatchObject({ outputOmitted: true })
    expect(view(done, '')).not.toHaveProperty('output')
  })
  it('lists the files of a completed job, with their URLs', () => {
    const file = { name: 'é.pdf', contentType: 'application/pdf', bytes: 3, sha256: 'ab', run: '1.x' }
    const { run: _, ...listed } = file
    expect(view(succeed(running, 20, '1', JSON.stringify([file])) as Job, '/jobs')).toMatchObject({
      files: [{ ...listed, url: '/jobs/A/files/%C3%A9.pdf' }],
    })
  })
  it('tells when a running job will complete', () => {
    const shown = { estimatedCompletionAt: '1970-01-01T00:00:00.050Z', estimateConfidence: 'low' }
    const told = { at: 50, confidence: 'low' } as const
    expect(view(running, '', told)).toMatchObject(shown)
    expect(event(running, '', 20, false, told).data).toMatchObject(shown)
  })
  it('has every documented field and no internal ones', () => {
    const shown = view(pending, '/api/jobs')
    expect(shown).toEqual({
      jobId: 'A',
      type: 't',
      status: 'pending',
      progress: 0,
      progressMessage: null,
      version: 1,
      attempt: 0,
      maxAttempts: 3,
      priority: 'normal',
      createdAt: '1970-01-01T00:00:00.000Z',
      startedAt: null,
      completedAt: null,
      runAt: '1970-01-01T00:00:00.000Z',
      cancelRequestedAt: null,
      expiresAt: null,
      statusUrl: '/api/jobs/A',
      streamUrl: '/api/jobs/A/stream',
      cancelUrl: '/api/jobs/A/cancel',
    })
  })
  it('includes output, error, lastError, metadata, webhookUrl and retryOf if they are set', () => {
    const full = create(
      { ...pending, id: 'B', metadata: '{"m":1}', webhookUrl: 'https://example.com/', retryOf: 'A' },
      0,
    )
    expect(view(full, '')).toMatchObject({ metadata: { m: 1 }, webhookUrl: 'https://example.com/', retryOf: 'A' })
    expect(view(succeed(running, 20, '[1]') as Job, '').output).toEqual([1])
    // Damaged in the store: the view omits the value.
    expect(view({ ...full, metadata: '{' }, '').metadata).toBeNull()
    expect(view(cancel(pending, 20) as Job, '').error?.code).toBe('cancelled')
    const failure = { code: 'c', message: 'm', retryable: true }
    expect(view(fail(running, 20, failure, 99) as Job, '').lastError).toEqual(failure)
  })
})

describe('event', () => {
  it('is a snapshot, then progress, then the terminal event with the completion time', () => {
    expect(event(pending, '', 5, true)).toMatchObject({ type: 'job.snapshot', timestamp: '1970-01-01T00:00:00.005Z' })
    expect(event(progress(running, 1, null) as Job, '', 5)).toMatchObject({
      type: 'job.progress',
      data: { progress: 1 },
    })
    const ended = succeed(running, 20, '1') as Job
    expect(event(ended, '', 99, true)).toMatchObject({ type: 'job.completed', timestamp: '1970-01-01T00:00:00.020Z' })
  })
})

it.each([
  [Number.NaN, '1970-01-01T00:00:00.000Z'],
  [-9e18, '1970-01-01T00:00:00.000Z'],
  [9e18, '9999-12-31T23:59:59.999Z'],
  [Infinity, '9999-12-31T23:59:59.999Z'],
])('a stored time of %d is clamped to a valid RFC 3339 time', (time, expected) => {
  expect(isoTime(time)).toBe(expected)
})

it('a job shows the batch that it was enqueued with', () => {
  const job = create({ id: 'A', type: 't', owner: 'o', input: '{}', maxAttempts: 1, retainFor: 9, batch: 'B' }, 5)
  expect(view(job, '')).toMatchObject({ batchId: 'B' })
  expect(view({ ...job, batch: null }, '')).not.toHaveProperty('batchId')
})
