import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { job, sqlite, verifyWebhook } from '../../packages/uketsuke/src/index.ts'
import { allOwners, type Store, type StoreFactory } from '../../packages/uketsuke/src/store/port.ts'
import type { ManualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { until } from '../until.ts'
import { type Answer, receiver } from './receiver.ts'
import { open, tempFile } from './setup.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const older = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'

const sum = job({ input: z.object({ n: z.number() }), run: ({ input }) => ({ sum: input.n + 1 }) })
const big = job({ input: z.object({}), run: () => 'x'.repeat(20_000) })

async function delivered(answers: Answer[], options: { secret?: string | string[]; type?: 'sum' | 'big' } = {}) {
  const to = await receiver(...answers)
  const opened = open({ sum, big }, { webhooks: { secret: options.secret ?? secret, allowHosts: [to.host] } })
  let worker = await opened.jobs.work()
  const { jobId } = await opened.jobs.enqueue(options.type ?? 'sum', { n: 1 }, { webhookUrl: to.url })
  const delivery = async () => (await opened.jobs.deliveries(jobId, { owner: allOwners })).at(-1)
  /** Waits for real sockets, while the test clock stands still. */
  const tried = (attempt: number) => until(async () => settled(opened.clock, delivery, attempt))
  await tried(1)
  /** Advances to the next attempt, without a worker, whose rescuer and pruner would run all day. */
  const nextAttempt = async () => {
    await worker.stop()
    await opened.clock.advance(Date.parse((await delivery())?.nextAttemptAt ?? '') - opened.clock.now())
    worker = await opened.jobs.work()
  }
  return { ...opened, ...to, jobId, delivery, tried, nextAttempt }
}

async function settled(
  clock: ManualClock,
  delivery: () => Promise<{ attempt: number; attempts: unknown[] } | undefined>,
  attempt: number,
) {
  await clock.advance(0)
  const now = await delivery()
  return now && now.attempts.length >= attempt ? now : null
}

describe('a webhook', () => {
  it('contains the complete job when it has ended, with a signature that another library verifies', async () => {
    const { received, jobs, jobId, clock } = await delivered([{ status: 204 }])
    const [webhook] = received
    expect(webhook?.headers['webhook-id']).toBe(`msg_${jobId}`)
    expect(webhook?.headers['content-type']).toBe('application/json')
    const data = await jobs.get(jobId, { owner: allOwners })
    expect(JSON.parse(webhook?.body ?? '')).toEqual({ type: 'job.completed', timestamp: data?.completedAt, data })
    // standardwebhooks uses the system clock, and the test clock is at 2026-01: sign again at the current time to check the format.
    expect(
      verifyWebhook(webhook?.body ?? '', new Headers(webhook?.headers as Record<string, string>), secret, {
        now: clock.now(),
      }),
    ).not.toBeNull()
    const id = webhook?.headers['webhook-id'] as string
    const seconds = Number(webhook?.headers['webhook-timestamp'])
    const foreign = new Webhook(secret).sign(id, new Date(seconds * 1_000), webhook?.body ?? '')
    expect(webhook?.headers['webhook-signature']).toBe(foreign)
  })

  it('has a signature for each secret during a rotation', async () => {
    const { received } = await delivered([{ status: 200 }], { secret: [secret, older] })
    const [webhook] = received
    const signatures = String(webhook?.headers['webhook-signature']).split(' ')
    const at = new Date(Number(webhook?.headers['webhook-timestamp']) * 1_000)
    expect(signatures).toEqual(
      [secret, older].map((one) => new Webhook(one).sign(`${webhook?.headers['webhook-id']}`, at, webhook?.body ?? '')),
    )
  })

  it('omits a large output and sets outputOmitted', async () => {
    const { received, jobs, jobId } = await delivered([{ status: 200 }], { type: 'big' })
    const { data } = JSON.parse(received[0]?.body ?? '')
    expect(data).toMatchObject({ jobId, status: 'completed', outputOmitted: true })
    expect(data).not.toHaveProperty('output')
    expect((await jobs.get(jobId, { owner: allOwners }))?.output).toHaveLength(20_000)
  })

  it('is not visible as a job', async () => {
    const { jobs, jobId } = await delivered([{ status: 200 }])
    expect((await jobs.list({ owner: allOwners })).items.map((one) => one.jobId)).toEqual([jobId])
    expect(await jobs.get(`${jobId}-webhook`, { owner: allOwners })).toBeNull()
  })
})

describe('a receiver that does not respond with 2xx', () => {
  const second = 1_000
  it.each([
    ['500', { status: 500 }, 5 * second, 6 * second],
    ['404', { status: 404 }, 5 * second, 6 * second],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 5 * second, 6 * second],
    ['hanging up', 'hang up', 5 * second, 6 * second],
    ['429', { status: 429 }, 60 * second, 60 * second],
    ['502', { status: 502 }, 60 * second, 60 * second],
    ['503 with a short wish', { status: 503, headers: { 'retry-after': '10' } }, 60 * second, 60 * second],
    ['504 with a long wish', { status: 504, headers: { 'retry-after': '7200' } }, 7_200 * second, 7_200 * second],
    ['500 with a wish', { status: 500, headers: { 'retry-after': '100' } }, 100 * second, 100 * second],
    [
      '500 with a wish of a week',
      { status: 500, headers: { 'retry-after': '604800' } },
      86_400 * second,
      86_400 * second,
    ],
    ['500 with nonsense', { status: 500, headers: { 'retry-after': 'later' } }, 5 * second, 6 * second],
  ] as [string, Answer, number, number][])('%s: is tried again in its time', async (_, answer, least, most) => {
    const { delivery, clock, received, tried, nextAttempt } = await delivered([answer, { status: 200 }])
    const { status, nextAttemptAt, error } = (await delivery()) ?? {}
    expect(status).toBe('pending')
    expect(error?.code).toBe(answer === 'hang up' ? 'webhook-unreachable' : 'webhook-refused')
    const wait = Date.parse(nextAttemptAt ?? '') - clock.now()
    expect(wait).toBeGreaterThanOrEqual(least)
    expect(wait).toBeLessThanOrEqual(most)
    await nextAttempt()
    expect(await tried(2)).toMatchObject({ status: 'completed', attempt: 2 })
    const [first, again] = received
    expect(again?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(again?.body).toBe(first?.body)
    expect(again?.headers['webhook-timestamp']).not.toBe(first?.headers['webhook-timestamp'])
  })

  it('410: is not retried', async () => {
    const { delivery } = await delivered([{ status: 410 }])
    expect(await delivery()).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'webhook-refused' } })
  })

  it('ten failures: the delivery is exhausted, visible, and can be redelivered', async () => {
    const refusals: Answer[] = Array.from({ length: 10 }, (_, n) => ({ status: 500, body: `no ${n}` }))
    const { clock, delivery, received, tried, nextAttempt, jobs, jobId } = await delivered([
      ...refusals,
      { status: 200 },
    ])
    for (let attempt = 2; attempt <= 10; attempt++) {
      await nextAttempt()
      await tried(attempt)
    }
    const exhausted = await delivery()
    expect(exhausted).toMatchObject({ status: 'exhausted', attempt: 10, nextAttemptAt: null })
    expect(exhausted?.attempts.map(({ error }) => error?.detail)).toEqual(
      refusals.map((_, n) => ({ status: 500, body: `no ${n}`, ms: expect.any(Number) })),
    )
    await jobs.redeliver(jobId, { owner: allOwners })
    // The tenth consecutive failure has opened the circuit breaker.
    await clock.advance(32_000)
    await tried(1)
    expect(await delivery()).toMatchObject({ status: 'completed', attempt: 1 })
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  })

  it('keeps only the beginning of a long response', async () => {
    const { delivery } = await delivered([{ status: 500, body: 'é'.repeat(100_000) }])
    const body = (await delivery())?.attempts[0]?.error?.detail?.body
    expect(body).toBe('é'.repeat(512))
  })
})

describe('a delivery', () => {
  it('reads its job in a batch with those of the other claimed deliveries', async () => {
    const to = await receiver({ status: 204 })
    const reads: number[] = []
    const noting: StoreFactory = (clock) => {
      const store = sqlite(tempFile())(clock)
      const get: Store['get'] = (owner, ids) => {
        if (owner === allOwners) reads.push(ids.length)
        return store.get(owner, ids)
      }
      return { ...store, get }
    }
    const { jobs, clock } = open({ sum }, { store: noting, webhooks: { secret, allowHosts: [to.host] } })
    const inputs = Array.from({ length: 10 }, (_, n) => ({ n }))
    await Promise.all(inputs.map((input) => jobs.enqueue('sum', input, { webhookUrl: to.url })))
    await jobs.work({ concurrency: 10 })
    await until(async () => {
      await clock.advance(0)
      return to.received.length === 10
    })
    const told = to.received.map(({ body }) => JSON.parse(body).data.output.sum)
    expect(told.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(Math.max(...reads)).toBeGreaterThan(1)
  })

  it('is removed with its job', async () => {
    const { jobs, jobId, clock, received } = await delivered([{ status: 500 }])
    await jobs.remove(jobId, { owner: allOwners })
    await expect(jobs.deliveries(jobId, { owner: allOwners })).rejects.toMatchObject({ code: 'job-not-found' })
    await clock.advance(10_000)
    expect(received).toHaveLength(1)
  })

  it('cannot be redelivered while it is pending, or if there is none', async () => {
    const { jobs, jobId } = await delivered([{ status: 500 }])
    await expect(jobs.redeliver(jobId, { owner: allOwners })).rejects.toMatchObject({ code: 'job-not-finished' })
    const { jobId: silent } = await jobs.enqueue('sum', { n: 1 })
    await expect(jobs.redeliver(silent, { owner: allOwners })).rejects.toMatchObject({ code: 'job-not-finished' })
  })
})

describe('verifyWebhook', () => {
  const at = Date.UTC(2026, 0, 1)
  const body = '{"a":1}'
  const headers = new Headers({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at / 1_000),
    'webhook-signature': `v1,bm9uc2Vuc2U= ${new Webhook(secret).sign('msg_1', new Date(at), body)}`,
  })
  it('accepts a signed webhook', () =>
    expect(verifyWebhook(body, headers, [older, secret], { now: at })).not.toBeNull())
  it.each([
    ['another body', secret, body.replace('1', '2'), at],
    ['another secret', older, body, at],
    ['an old one', secret, body, at + 301_000],
    ['one from the future', secret, body, at - 301_000],
  ])('rejects %s', (_, by, text, now) => expect(verifyWebhook(text, headers, by, { now })).toBeNull())
  it('accepts bytes, and the headers of Node.js', () => {
    const plain = Object.fromEntries(headers)
    expect(verifyWebhook(Buffer.from(body), plain, secret, { now: at })).not.toBeNull()
  })
  it.each([[{ type: 'job.completed' }], [undefined], [null]])('names a parsed body as the mistake: %o', (parsed) => {
    expect(() => verifyWebhook(parsed as never, headers, secret)).toThrow(/before any parsing/)
  })
  it('rejects a webhook without a signature', () =>
    expect(verifyWebhook(body, new Headers(), secret, { now: at })).toBeNull())
})
