import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, job, sqlite } from '../../packages/uketsuke/src/index.ts'
import { open, tempFile } from './setup.ts'

const report = job({ input: z.object({ days: z.array(z.object({ n: z.number() })) }), run: () => 1 })
const input = { days: [{ n: 1 }] }
const webhooks = {
  secret: 'whsec_c29tZSBzZWNyZXQgdGV4dCBmb3IgdGhlIHRlc3Rz',
  allowHosts: ['127.0.0.1:4000', 'localhost:4000'],
}

describe('rejected requests', () => {
  it.each([
    ['an input that does not match the schema', { input: { days: [{ n: 1 }, { n: 'x' }] } }, '/input/days/1/n'],
    ['no input', { input: undefined }, '/input'],
    ['a circular input', { input: cycle() }, '/input'],
    ['an input that is too large', { input: { days: [], more: 'x'.repeat(1 << 20) } }, '/input'],
    ['an invalid priority', { priority: 'urgent' }, '/priority'],
    ['a negative delay', { delay: -1 }, '/delay'],
    ['a delay that is not a number', { delay: '5' }, '/delay'],
    ['a delay of a thousand years', { delay: 1_000 * 365 * 86_400_000 }, '/delay'],
    ['both delay and runAt', { delay: 1, runAt: '2026-03-01T00:00:00Z' }, '/runAt'],
    ['an invalid time', { runAt: 'soon' }, '/runAt'],
    ['a day that does not exist', { runAt: '2026-02-30T00:00:00Z' }, '/runAt'],
    ['a month that does not exist', { runAt: '2026-13-01T00:00:00Z' }, '/runAt'],
    ['an invalid date', { runAt: new Date(Number.NaN) }, '/runAt'],
    ['metadata that is not an object', { metadata: [1] }, '/metadata'],
    ['metadata that is too large', { metadata: { m: 'x'.repeat(20_000) } }, '/metadata'],
    ['an invalid webhook URL', { webhookUrl: 'not a url' }, '/webhookUrl'],
    ['a webhook URL of another scheme', { webhookUrl: 'ftp://example.com/' }, '/webhookUrl'],
    ['a webhook URL with a password', { webhookUrl: 'https://u:p@example.com/' }, '/webhookUrl'],
    ['a webhook URL that is too long', { webhookUrl: `https://example.com/${'x'.repeat(2_100)}` }, '/webhookUrl'],
  ])('%s', async (_, request: Record<string, unknown>, pointer) => {
    const { jobs } = open({ report }, { webhooks })
    const { input: given, ...options } = { input, ...request }
    await expect(jobs.enqueue('report', given as typeof input, options)).rejects.toMatchObject({
      code: 'validation-error',
      errors: expect.arrayContaining([expect.objectContaining({ pointer })]),
    })
    expect((await jobs.list({ owner: allOwners })).items).toEqual([])
  })

  it('reports all violations at once', async () => {
    const { jobs } = open({ report }, { webhooks })
    const wrong = jobs.enqueue('report', {} as typeof input, { priority: 'x' as 'high', delay: -1, webhookUrl: '?' })
    await expect(wrong).rejects.toMatchObject({
      errors: ['/input/days', '/priority', '/delay', '/webhookUrl'].map((pointer) =>
        expect.objectContaining({ pointer }),
      ),
    })
  })

  it.each(['nope', '__proto__', 'constructor', 'toString', ''])('an unknown job type: %j', async (type) => {
    const { jobs } = open({ report })
    await expect(jobs.enqueue(type as 'report', input)).rejects.toMatchObject({ code: 'unknown-job-type' })
  })

  it.each([
    'http://127.0.0.1/',
    'http://127.0.0.1:4001/',
    'http://localhost/',
    'http://api.localhost/',
    'http://localhost.:80/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://[::1]/',
    'http://[::]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:169.254.169.254]/',
  ])('a webhook to %s', async (webhookUrl) => {
    const { jobs } = open({ report }, { webhooks })
    await expect(jobs.enqueue('report', input, { webhookUrl })).rejects.toMatchObject({ code: 'webhook-url-forbidden' })
  })

  it('a webhook to link-local addresses, even if allowed', async () => {
    const allowHosts = ['169.254.169.254:80', '[::ffff:a9fe:a9fe]:80']
    const { jobs } = open({ report }, { webhooks: { ...webhooks, allowHosts } })
    for (const webhookUrl of ['http://169.254.169.254/', 'http://[::ffff:169.254.169.254]/']) {
      await expect(jobs.enqueue('report', input, { webhookUrl })).rejects.toMatchObject({
        code: 'webhook-url-forbidden',
      })
    }
  })

  it('any webhook if no secret is configured', async () => {
    const { jobs } = open({ report })
    const wrong = jobs.enqueue('report', input, { webhookUrl: 'https://example.com/' })
    await expect(wrong).rejects.toMatchObject({ code: 'webhook-url-forbidden' })
  })
})

describe('accepted requests', () => {
  it.each(['https://example.com/hook', 'http://127.0.0.1:4000/x', 'http://localhost:4000/', 'http://8.8.8.8/'])(
    'a webhook to %s',
    async (webhookUrl) => {
      const { jobs } = open({ report }, { webhooks })
      expect(await jobs.enqueue('report', input, { webhookUrl })).toMatchObject({ status: 'pending', webhookUrl })
    },
  )

  it('any text, which is preserved', async () => {
    const text = 'NUL \0, U+2028 \u2028, half \uD800, quote " and \u0001'
    const { jobs } = open({ note: job({ input: z.object({ text: z.string() }), run: () => 1 }) })
    const { jobId } = await jobs.enqueue('note', { text }, { metadata: { [text]: text } })
    const stored = await jobs.get(jobId, { owner: allOwners, include: ['input'] })
    expect(stored).toMatchObject({ input: { text }, metadata: { [text]: text } })
    expect(await jobs.get(jobId, { owner: allOwners })).not.toHaveProperty('input')
  })

  it('a time in the past, which means now', async () => {
    const { jobs, clock } = open({ report })
    const { runAt } = await jobs.enqueue('report', input, { runAt: '2020-01-01T00:00:00+09:00' })
    expect(Date.parse(runAt)).toBe(clock.now())
  })
})

describe('an idempotency key', () => {
  const options = { owner: 'alice', idempotencyKey: 'k' }

  it('creates one job for repeated requests, sequential or concurrent', async () => {
    const { jobs } = open({ report })
    const all = await Promise.all(Array.from({ length: 20 }, () => jobs.enqueue('report', input, options)))
    all.push(await jobs.enqueue('report', input, options))
    expect(new Set(all.map(({ jobId }) => jobId)).size).toBe(1)
    expect((await jobs.list({ owner: allOwners })).items).toHaveLength(1)
  })

  it('returns the job in its current state', async () => {
    const { jobs } = open({ report })
    const { jobId } = await jobs.enqueue('report', input, options)
    await jobs.cancel(jobId, { owner: allOwners })
    expect(await jobs.enqueue('report', input, options)).toMatchObject({ jobId, status: 'cancelled' })
  })

  it('is scoped to the owner', async () => {
    const { jobs } = open({ report })
    const one = await jobs.enqueue('report', input, options)
    const two = await jobs.enqueue('report', input, { ...options, owner: 'bob' })
    expect(one.jobId).not.toBe(two.jobId)
  })

  it('is bound to one payload, regardless of member order', async () => {
    const { jobs } = open({ pair: job({ input: z.object({ a: z.number(), b: z.number() }), run: () => 1 }) })
    const first = await jobs.enqueue('pair', { a: 1, b: 2 }, options)
    expect((await jobs.enqueue('pair', { b: 2, a: 1 }, options)).jobId).toBe(first.jobId)
    await expect(jobs.enqueue('pair', { a: 1, b: 3 }, options)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    })
  })

  it('supports any text, and distinguishes a lone surrogate from its escape', async () => {
    const { jobs } = open({ note: job({ input: z.object({ text: z.string() }), run: () => 1 }) })
    const first = await jobs.enqueue('note', { text: 'a\uD800\0' }, options)
    expect((await jobs.enqueue('note', { text: 'a\uD800\0' }, options)).jobId).toBe(first.jobId)
    for (const text of ['a\uD801\0', 'a\\ud800\0', 'a\\\uD800\0', 'a\uFFFD\0']) {
      await expect(jobs.enqueue('note', { text }, options)).rejects.toMatchObject({ code: 'idempotency-key-reused' })
    }
  })

  it('is not stored for a rejected request', async () => {
    const { jobs } = open({ report })
    await expect(jobs.enqueue('report', {} as typeof input, options)).rejects.toMatchObject({
      code: 'validation-error',
    })
    expect(await jobs.enqueue('report', input, options)).toMatchObject({ status: 'pending' })
  })

  it('is kept for 24 hours, across restarts', async () => {
    const path = tempFile()
    const before = open({ report }, { store: sqlite(path) })
    const { jobId } = await before.jobs.enqueue('report', input, options)
    await before.jobs.close()
    const after = open({ report }, { store: sqlite(path) })
    await after.clock.advance(86_400_000 - 1)
    expect((await after.jobs.enqueue('report', input, options)).jobId).toBe(jobId)
    await after.clock.advance(1)
    await after.jobs.work()
    await after.clock.advance(0)
    expect((await after.jobs.enqueue('report', input, options)).jobId).not.toBe(jobId)
  })
})

function cycle() {
  const self: Record<string, unknown> = {}
  self.self = self
  return self
}

describe('enqueueMany', () => {
  it('stores jobs in one commit, in order, and they run', async () => {
    const ran: number[] = []
    const count = job({ input: z.object({ n: z.number() }), run: ({ input }) => void ran.push(input.n) })
    const { jobs, clock } = open({ count })
    const inputs = Array.from({ length: 250 }, (_, n) => ({ n }))
    const made = await jobs.enqueueMany('count', inputs, { owner: 'ann', metadata: { batch: 7 } })
    expect(made.map(({ jobId }) => jobId)).toEqual(made.map(({ jobId }) => jobId).sort())
    expect(await jobs.get(made[249]?.jobId ?? '', { owner: 'ann', include: ['input'] })).toMatchObject({
      status: 'pending',
      input: { n: 249 },
      metadata: { batch: 7 },
    })
    await jobs.work({ concurrency: 100 })
    await clock.advance(100)
    expect(ran).toEqual(inputs.map(({ n }) => n))
  })

  it('stores no job if one is invalid, and reports all violations', async () => {
    const count = job({ input: z.object({ n: z.number() }), run: () => 1 })
    const { jobs } = open({ count })
    const inputs = [{ n: 1 }, { n: 'x' as unknown as number }, { n: 3 }, {} as { n: number }]
    await expect(jobs.enqueueMany('count', inputs, { delay: -1 })).rejects.toMatchObject({
      code: 'validation-error',
      errors: ['/0/delay', '/1/input/n', '/1/delay', '/2/delay', '/3/input/n', '/3/delay'].map((pointer) =>
        expect.objectContaining({ pointer }),
      ),
    })
    expect((await jobs.list({ owner: allOwners })).items).toEqual([])
  })

  it('accepts an empty list, and rejects too many jobs and unknown types', async () => {
    const { jobs } = open({ report })
    expect(await jobs.enqueueMany('report', [])).toEqual([])
    const many = Array.from({ length: 10_001 }, () => input)
    await expect(jobs.enqueueMany('report', many)).rejects.toMatchObject({ code: 'validation-error' })
    const text = 'x'.repeat(1_000_000)
    const large = Array.from({ length: 68 }, () => ({ ...input, text }))
    await expect(jobs.enqueueMany('report', large)).rejects.toMatchObject({
      code: 'payload-too-large',
      message: expect.stringContaining('split the call'),
    })
    await expect(jobs.enqueueMany('nope' as 'report', [input])).rejects.toMatchObject({ code: 'unknown-job-type' })
    expect((await jobs.list({ owner: allOwners })).items).toEqual([])
  })
})
