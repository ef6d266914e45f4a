import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { change, deliveryAttempts, deliveryType, lastAttempt } from './change.ts'
import { inClaimOrder, isLastAttempt, isTerminal, type Job, type NewJob } from './job.ts'
import {
  cancel,
  claim,
  create,
  debounce,
  expire,
  fail,
  giveBackUnreadable,
  isHeldBy,
  progress,
  release,
  retry,
  snooze,
  succeed,
  touch,
  unreadPatience,
  withLatestProgress,
} from './rules.ts'

const asked: NewJob = { id: 'A', type: 't', owner: 'o', input: '{}', maxAttempts: 2, retainFor: 1_000 }
const by = { worker: 'w', leaseMs: 30 }
const broke = { code: 'handler-error', message: 'It broke.', retryable: true }

const pending = create(asked, 100)
const running = claim(pending, 100, by) as Job
const completed = succeed(running, 200, '{"a":1}') as Job
const waiting = fail(running, 150, broke, 900) as Job
const asked2stop = cancel(running, 120) as Job

describe('create', () => {
  it('creates a pending job at version 1, due now', () => {
    expect(pending).toMatchObject({
      status: 'pending',
      version: 1,
      attempt: 0,
      createdAt: 100,
      runAt: 100,
      priority: 'normal',
    })
    expect(pending).toMatchObject({ queue: 'jobs', metadata: null, webhookUrl: null, retryOf: null, parent: null })
  })
  it('keeps the requested values', () => {
    const all = {
      queue: 'deliveries',
      priority: 'high',
      metadata: '{}',
      webhookUrl: 'u',
      retryOf: 'r',
      parent: 'p',
      runAt: 7,
    } as const
    expect(create({ ...asked, ...all }, 1)).toMatchObject(all)
  })
})

describe('claim', () => {
  it('starts an attempt under a lease', () => {
    expect(running).toMatchObject({
      status: 'running',
      attempt: 1,
      version: 2,
      startedAt: 100,
      worker: 'w',
      leaseUntil: 130,
    })
  })
  it('resets the progress of the previous attempt', () => {
    const half = progress(running, 50, 'half') as Job
    const again = claim(fail(half, 150, broke, 150) as Job, 150, by)
    expect(again).toMatchObject({ progress: 0, progressMessage: null, attempt: 2, lastError: broke })
  })
  it('rejects jobs that are not due or not pending', () => {
    expect(claim(create({ ...asked, runAt: 101 }, 1), 100, by)).toBeNull()
    expect(claim(running, 100, by)).toBeNull()
    expect(claim(completed, 300, by)).toBeNull()
  })
})

describe('debounce', () => {
  const within = { wait: 50, max: 120 }
  it('replaces the input of a pending job and puts it off, not beyond the maximum', () => {
    const once = debounce(pending, '1', 130, within) as Job
    expect(once).toEqual({ ...pending, input: '1', runAt: 180, rank: 180_000, version: 2 })
    expect(debounce(once, '2', 175, within)).toEqual({ ...pending, input: '2', runAt: 220, rank: 220_000, version: 3 })
  })
  it('leaves the time of a next attempt', () => {
    expect(debounce(waiting, '1', 160, within)).toEqual({ ...waiting, input: '1', version: waiting.version + 1 })
  })
  it('is not legal for a running or an ended job', () => {
    expect([debounce(running, '1', 130, within), debounce(completed, '1', 230, within)]).toEqual([null, null])
  })
})

describe('progress', () => {
  it('never decreases, reserves 100 for completion, and rounds down to whole percents', () => {
    const half = progress(running, 50.9, null) as Job
    expect(half).toMatchObject({ progress: 50, progressMessage: null, version: 3 })
    expect(progress(half, 40, 'later')).toMatchObject({ progress: 50, progressMessage: 'later' })
    expect(progress(half, 100, null)?.progress).toBe(99)
  })
  it('keeps the last message if none is given, and writes nothing if nothing changed', () => {
    const said = progress(running, 1, 'one') as Job
    expect(progress(said, 2, null)?.progressMessage).toBe('one')
    expect(progress(said, 1, null)).toBeNull()
    expect(progress(said, 1, 'one')).toBeNull()
  })
  it('applies to running jobs only', () => expect(progress(pending, 1, null)).toBeNull())
})

describe('succeed', () => {
  it('completes the job', () => {
    expect(completed).toMatchObject({
      status: 'completed',
      progress: 100,
      completedAt: 200,
      expiresAt: 1_200,
      output: '{"a":1}',
    })
    expect(completed).toMatchObject({ worker: 'w', leaseUntil: null, lastError: null })
  })
  it('keeps the output even after a cancellation request', () =>
    expect(succeed(asked2stop, 1, '1')?.status).toBe('completed'))
  it('applies to running jobs only', () => expect(succeed(pending, 1, '1')).toBeNull())
})

describe('fail', () => {
  it('schedules the next attempt', () => {
    expect(waiting).toMatchObject({
      status: 'pending',
      attempt: 1,
      runAt: 900,
      lastError: broke,
      worker: null,
      error: null,
    })
  })
  it('fails the job after its last attempt, or if the error is not retryable', () => {
    const last = claim(waiting, 900, by) as Job
    expect(fail(last, 901, broke, 0)).toMatchObject({
      status: 'failed',
      error: { ...broke, retryable: false },
      completedAt: 901,
    })
    expect(fail(running, 1, { ...broke, retryable: false }, 0)?.status).toBe('failed')
  })
  it('cancels the job if cancellation was requested', () => {
    expect(fail(asked2stop, 1, broke, 0)).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } })
  })
  it('applies to running jobs only', () => expect(fail(pending, 1, broke, 0)).toBeNull())
})

describe('expire', () => {
  it('uses up the attempt of a worker that stopped responding', () => {
    expect(expire(running, 130)).toMatchObject({
      status: 'pending',
      attempt: 1,
      runAt: 130,
      lastError: { code: 'lease-lost' },
    })
  })
  it('waits until the lease expires', () => expect(expire(running, 129)).toBeNull())
  it('applies to running jobs only', () => {
    expect(expire(pending, 1_000)).toBeNull()
    expect(expire({ ...running, leaseUntil: null }, 1_000)).toBeNull()
  })
})

describe('release', () => {
  it('returns the job without using up the attempt', () => {
    expect(release(running, 140)).toMatchObject({ status: 'pending', attempt: 0, runAt: 140, worker: null })
  })
  it('cancels the job if cancellation was requested', () => expect(release(asked2stop, 1)?.status).toBe('cancelled'))
  it('applies to running jobs only', () => expect(release(pending, 1)).toBeNull())
  it('a handler gives it back, with or without a message', () => {
    const waiting = { status: 'pending', attempt: 0, runAt: 150 }
    expect(snooze(running, 140, 150, 'Asked once')).toMatchObject({ ...waiting, progressMessage: 'Asked once' })
    expect(snooze({ ...running, progressMessage: 'Half' }, 140, 150, null)?.progressMessage).toBe('Half')
  })
  it('returns the job for a later time if requested', () => expect(release(running, 140, 150)?.runAt).toBe(150))
})

describe('giveBackUnreadable', () => {
  const again = (job: Job, now: number) => claim(giveBackUnreadable(job, now, 'odd', 1) as Job, now + 60_000, by) as Job
  it('lets the job wait for another worker without using up the attempt', () => {
    expect(giveBackUnreadable(running, 140, 'odd', 1)).toMatchObject({
      status: 'pending',
      attempt: 0,
      version: 3,
      runAt: 1_140,
      worker: null,
      lastError: {
        code: 'input-unreadable',
        message: 'Waiting for a worker that can read the input: odd',
        since: 140,
      },
    })
  })
  it('waits longer each time, up to 30 seconds', () => {
    expect(giveBackUnreadable(running, 140, 'odd', 0)?.runAt).toBe(640)
    expect(giveBackUnreadable(again(running, 140), 10_140, 'odd', 1)?.runAt).toBe(20_140)
    expect(giveBackUnreadable(again(running, 140), 300_140, 'odd', 1)?.runAt).toBe(330_140)
  })
  it('fails the job if no worker can read it within the limit', () => {
    const late = again(again(running, 140), 60_000)
    expect(giveBackUnreadable(late, 140 + unreadPatience - 1, 'odd', 1)?.status).toBe('pending')
    expect(giveBackUnreadable(late, 140 + unreadPatience, 'odd', 1)).toMatchObject({
      status: 'failed',
      error: {
        code: 'input-unreadable',
        message: 'No worker could read the input within 10 minutes: odd',
        retryable: false,
      },
    })
  })
  it('counts from now if the earlier failure has another code or no time', () => {
    const { code, message, retryable } = giveBackUnreadable(running, 140, 'odd', 1)?.lastError ?? broke
    for (const lastError of [broke, { code, message, retryable }])
      expect(giveBackUnreadable({ ...running, lastError }, 900, 'odd', 1)?.lastError?.since).toBe(900)
  })
  it('cancels the job if cancellation was requested', () =>
    expect(giveBackUnreadable(asked2stop, 1, 'odd', 1)?.status).toBe('cancelled'))
  it('applies to running jobs only', () => expect(giveBackUnreadable(pending, 1, 'odd', 1)).toBeNull())
})

describe('withLatestProgress', () => {
  const end = (job: Job) => fail(job, 140, broke, 200)
  it('stores the latest progress with the end', () => {
    expect(withLatestProgress(running, { percent: 45.5, message: 'Page 9' }, end)).toMatchObject({
      status: 'pending',
      version: 3,
      progress: 45,
      progressMessage: 'Page 9',
    })
  })
  it('only ends the job if the progress is already stored', () => {
    expect(withLatestProgress(running, null, end)).toEqual(end(running))
    expect(withLatestProgress(completed, { percent: 1, message: null }, end)).toBeNull()
  })
})

describe('cancel', () => {
  it('cancels a pending job immediately', () =>
    expect(cancel(pending, 1)).toMatchObject({ status: 'cancelled', completedAt: 1 }))
  it('requests cancellation of a running job once', () => {
    expect(asked2stop).toMatchObject({ status: 'running', cancelRequestedAt: 120 })
    expect(cancel(asked2stop, 130)).toBeNull()
  })
  it('leaves a terminal job unchanged', () => expect(cancel(completed, 1)).toBeNull())
})

describe('touch', () => {
  it('is a new version of a job that has not ended', () => {
    for (const job of [pending, running, waiting, asked2stop])
      expect(touch(job)).toEqual({ ...job, version: job.version + 1 })
    expect(touch(completed)).toBeNull()
  })
  it('parks a waiting job with a limit key, which only an admission makes ready', () => {
    expect(touch({ ...pending, limitKey: 'k' })).toMatchObject({ parked: true })
    expect(touch({ ...running, limitKey: 'k' })).toMatchObject({ parked: false })
  })
})

describe('retry', () => {
  it('copies the request', () => {
    expect(retry(completed, 'B')).toMatchObject({
      id: 'B',
      retryOf: 'A',
      input: '{}',
      owner: 'o',
      type: 't',
      maxAttempts: 2,
    })
  })
  it('applies to terminal jobs only', () => expect(retry(running, 'B')).toBeNull())
})

describe('inClaimOrder', () => {
  it('sorts by priority, then by rank, then by age', () => {
    const job = (id: string, rank: number, priority: 'high' | 'normal') => ({ ...waiting, id, rank, priority })
    const sorted = [job('b', 1, 'normal'), job('a', 1, 'normal'), job('c', 0, 'normal'), job('d', 9, 'high')]
    expect(sorted.sort(inClaimOrder).map(({ id }) => id)).toEqual(['d', 'c', 'a', 'b'])
    expect(inClaimOrder(job('a', 1, 'high'), job('b', 1, 'high'))).toBe(-1)
    expect(inClaimOrder(job('b', 1, 'high'), job('a', 1, 'high'))).toBe(1)
    expect([isLastAttempt({ attempt: 3, maxAttempts: 3 }), isLastAttempt({ attempt: 2, maxAttempts: 3 })]).toEqual([
      true,
      false,
    ])
  })
})

describe('isHeldBy', () => {
  const lease = { id: 'A', attempt: 1, worker: 'w' }
  it('requires the same attempt of the same worker, still running', () => {
    expect(isHeldBy(lease, running)).toBe(true)
    expect(isHeldBy({ ...lease, attempt: 2 }, running)).toBe(false)
    expect(isHeldBy({ ...lease, worker: 'x' }, running)).toBe(false)
    expect(isHeldBy(lease, waiting)).toBe(false)
  })
})

describe('change', () => {
  const withWebhook = { ...running, webhookUrl: 'https://example.com/' }
  it('spawns one delivery with the terminal state', () => {
    const { spawn } = change(withWebhook, succeed(withWebhook, 200, '1') as Job, 200)
    expect(spawn).toHaveLength(1)
    expect(spawn[0]).toMatchObject({
      id: 'A-webhook',
      queue: 'deliveries',
      type: deliveryType,
      parent: 'A',
      owner: 'o',
      runAt: 200,
    })
    expect(spawn[0]?.maxAttempts).toBe(deliveryAttempts)
  })
  it('spawns one for each subscriber of its event, besides that for its URL', () => {
    const subscribers = [
      { id: 'e1', url: 'https://one.example/', events: ['job.completed', 'job.failed'] },
      { id: 'e2', url: 'https://two.example/', events: ['job.failed'] },
    ]
    const ids = (before: Job, after: Job | null) =>
      change(before, after as Job, 200, subscribers).spawn.map(({ id, input }) => [id, JSON.parse(input)])
    const one = ['A-webhook-e1', { url: 'https://one.example/', endpoint: 'e1' }]
    expect(ids(running, succeed(running, 200, '1'))).toEqual([one])
    expect(ids(withWebhook, succeed(withWebhook, 200, '1'))).toEqual([
      ['A-webhook', { url: 'https://example.com/' }],
      one,
    ])
    expect(ids(running, progress(running, 1, null))).toEqual([])
  })
  it('spawns none before the end, without a URL, or for a delivery itself', () => {
    expect(change(withWebhook, progress(withWebhook, 1, null) as Job, 1).spawn).toEqual([])
    expect(change(running, completed, 200).spawn).toEqual([])
    const delivery = { ...withWebhook, queue: 'deliveries' } as const
    expect(change(delivery, succeed(delivery, 1, '1') as Job, 1).spawn).toEqual([])
  })
  const second = { ...running, attempt: 2 }
  it.each([
    ['retrying', waiting, broke],
    ['released', release(running, 1) as Job, null],
    ['released', giveBackUnreadable(running, 140, 'odd', 1) as Job, { code: 'input-unreadable' }],
    ['lease-lost', expire(running, 130) as Job, { code: 'lease-lost' }],
  ])('stores an attempt that ended as %s while the job continues', (outcome, after, error) => {
    const { attempt } = change(running, after, 500)
    expect(attempt).toMatchObject({ jobId: 'A', attempt: 1, worker: 'w', startedAt: 100, endedAt: 500, outcome })
    if (error) expect(attempt?.error).toMatchObject(error)
    else expect(attempt?.error).toBeNull()
    expect(lastAttempt(after)).toBeNull()
  })
  it.each([
    ['completed', running, completed, null],
    ['lease-lost', second, expire(second, 200) as Job, { code: 'lease-lost' }],
    ['cancelled', asked2stop, fail(asked2stop, 200, broke, 0) as Job, { code: 'cancelled' }],
    ['failed', running, fail(running, 200, { ...broke, retryable: false }, 0) as Job, { code: 'handler-error' }],
  ])('derives an attempt that ended the job as %s from the job itself', (outcome, before, after, error) => {
    expect(change(before, after, 200).attempt).toBeNull()
    const { attempt } = before
    expect(lastAttempt(after)).toMatchObject({
      jobId: 'A',
      attempt,
      worker: 'w',
      startedAt: 100,
      endedAt: 200,
      outcome,
    })
    if (error) expect(lastAttempt(after)?.error).toMatchObject(error)
    else expect(lastAttempt(after)?.error).toBeNull()
  })
  it('has no attempt while one runs, before the first, or if the job ended while pending', () => {
    const further = progress(running, 1, null) as Job
    for (const after of [further, pending, cancel(pending, 1) as Job, cancel(waiting, 1) as Job]) {
      expect(lastAttempt(after)).toBeNull()
    }
    expect(change(running, further, 1).attempt).toBeNull()
    expect(change(waiting, cancel(waiting, 1) as Job, 1).attempt).toBeNull()
  })
  it('can store an attempt of a row without a worker and start time', () => {
    const bare = { ...running, worker: null, startedAt: null }
    expect(change(bare, release(bare, 9, 10) as Job, 9).attempt).toBeNull()
    expect(change(bare, release(bare, 9) as Job, 9).attempt).toMatchObject({ worker: '', startedAt: 9 })
  })
})

describe('any sequence of changes', () => {
  type Step = (job: Job, now: number) => Job | null
  const steps: Step[] = [
    (job, now) => claim(job, now, by),
    (job) => progress(job, 42, 'm'),
    (job, now) => succeed(job, now, '1'),
    (job, now) => fail(job, now, broke, now + 5),
    (job, now) => fail(job, now, { ...broke, retryable: false }, now),
    expire,
    release,
    cancel,
    (job, now) => debounce(job, '1', now, { wait: 5, max: 20 }),
  ]
  it('keeps the documented invariants', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(steps.length - 1), fc.nat(40)), { maxLength: 60 }), (sequence) => {
        let job = pending
        let now = 100
        for (const [step, passed] of sequence) {
          now += passed
          const after = steps[step]?.(job, now)
          if (!after) continue
          expect(isTerminal(job)).toBe(false)
          expect(after.version).toBe(job.version + 1)
          if (after.attempt === job.attempt && after.status === 'running')
            expect(after.progress).toBeGreaterThanOrEqual(job.progress)
          job = after
          expect(isTerminal(job)).toBe(['completed', 'failed', 'cancelled'].includes(job.status))
          expect(job.progress === 100).toBe(job.status === 'completed')
          expect(job.leaseUntil !== null).toBe(job.status === 'running')
          expect(job.output !== null).toBe(job.status === 'completed')
          expect(job.error !== null).toBe(job.status === 'failed' || job.status === 'cancelled')
          expect(job.attempt).toBeLessThanOrEqual(job.maxAttempts)
        }
      }),
    )
  })
})
