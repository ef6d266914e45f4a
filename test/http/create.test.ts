import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createJobs, job, silentLog } from '../../packages/uketsuke/src/index.ts'
import { sqlite } from '../../packages/uketsuke/src/store/sqlite/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { until } from '../until.ts'
import { body, type Serving, serve } from './server.ts'

const held = { type: 'held', input: {} }
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } })

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

describe('POST /', () => {
  it('responds with 202 and everything that a client needs', async () => {
    const response = await api.post('', {
      ...held,
      priority: 'high',
      metadata: { page: 1 },
      webhookUrl: 'https://example.com/hook',
    })
    expect(response.status).toBe(202)
    const job = await body(response)
    expect(job).toMatchObject({
      jobId: expect.stringMatching(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/),
      type: 'held',
      status: 'pending',
      version: 1,
      priority: 'high',
      metadata: { page: 1 },
      webhookUrl: 'https://example.com/hook',
      message: expect.stringMatching(/accepted/),
    })
    expect(job).not.toHaveProperty('input')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      location: `/api/jobs/${job.jobId}`,
      'retry-after': '1',
      etag: 'W/"1"',
      'cache-control': 'no-store',
      'content-type': 'application/json',
    })
    expect([job.statusUrl, job.streamUrl, job.cancelUrl]).toEqual(
      ['', '/stream', '/cancel'].map((tail) => `/api/jobs/${job.jobId}${tail}`),
    )
    expect(response.headers.has('idempotent-replayed')).toBe(false)
  })

  it('sets Retry-After to when the job is due', async () => {
    expect((await api.post('', { ...held, delay: 90_000 })).headers.get('retry-after')).toBe('90')
  })

  it('increases Retry-After with the length of the queue', async () => {
    for (let n = 0; n < 25; n++) await api.create()
    const { jobId } = await body(await api.post('', held))
    const status = await api.call(`/${jobId}`)
    expect([status.headers.get('retry-after'), (await body(status)).queuePosition]).toEqual(['3', 26])
  })

  it('responds with 503 while the process drains, and stores nothing', async () => {
    await api.jobs.work()
    const { jobId } = await api.create()
    const { finish } = await api.handler(jobId)
    const closing = api.jobs.close()
    const response = await api.post('', held)
    expect([response.status, response.headers.has('retry-after')]).toEqual([503, true])
    expect(await body(response)).toMatchObject({ type: 'urn:uketsuke:problem:temporarily-unavailable' })
    expect((await body(await api.call(''))).items).toMatchObject([{ jobId, status: 'running' }])
    finish()
    await closing
  })

  it('preserves any JSON value', async () => {
    const input = { nul: '\0', line: '\u2028\u2029', half: '\ud800', '': [null, -0.5, 'é😀'] }
    const { jobId } = await api.create({ type: 'held', input, metadata: input })
    const job = await body(await api.call(`/${jobId}?include=input`))
    expect([job.input, job.metadata]).toEqual([input, input])
  })
})

describe('Prefer: wait', () => {
  const prefer = (value: string) => ({ headers: { prefer: value } })

  it('holds the response until the job has ended', async () => {
    const worker = await api.jobs.work()
    const response = await api.post('', { type: 'report', input: { pages: 3 } }, prefer('wait=10'))
    expect([response.status, response.headers.get('preference-applied')]).toEqual([202, 'wait=10'])
    expect(response.headers.has('retry-after')).toBe(false)
    expect(await body(response)).toMatchObject({
      status: 'completed',
      output: { pages: 3 },
      message: expect.stringMatching(/completed/),
    })
    await worker.stop()
  })

  it.each([
    ['wait=2', '2', 2_000],
    ['respond-async, WAIT="2"; x=1', '2', 2_000],
    ['wait=100000', '50', 50_000],
    ['foo="a, wait=5", wait=2', '2', 2_000],
    ['wait=2, wait=9', '2', 2_000],
  ])('%s: responds with 202 and the current state after %s seconds', async (value, applied, ms) => {
    const timers = api.clock.pending
    const answer = api.post('', held, prefer(value))
    await until(() => api.clock.pending > timers)
    await api.clock.advance(ms - 1)
    expect(await Promise.race([answer, Promise.resolve('held')])).toBe('held')
    await api.clock.advance(1)
    const response = await answer
    expect([response.status, response.headers.get('preference-applied')]).toEqual([202, `wait=${applied}`])
    expect(await body(response)).toMatchObject({ status: 'pending' })
    expect(api.clock.pending).toBe(timers)
  })

  it.each(['wait', 'wait=', 'wait=x', 'wait=-1', 'wait=1.5', 'waiting=5', ''])('ignores "%s"', async (value) => {
    const response = await api.post('', held, prefer(value))
    expect([response.status, response.headers.has('preference-applied')]).toEqual([202, false])
  })

  it('responds immediately with wait=0', async () => {
    expect((await api.post('', held, prefer('wait=0'))).headers.get('preference-applied')).toBe('wait=0')
  })

  it('does not cancel the job when the client disconnects, and releases the client', async () => {
    const timers = api.clock.pending
    const gone = new AbortController()
    const answer = api.post('', held, { ...prefer('wait=60'), signal: gone.signal })
    await until(() => api.clock.pending > timers)
    gone.abort()
    await expect(answer).rejects.toThrow()
    await until(() => api.clock.pending <= timers)
    expect((await body(await api.call(''))).items).toMatchObject([{ status: 'pending' }])
  })

  it('responds immediately when the process drains', async () => {
    const timers = api.clock.pending
    const answer = api.post('', held, prefer('wait=60'))
    await until(() => api.clock.pending > timers)
    const closing = api.jobs.close()
    const response = await answer
    expect([response.status, (await body(response)).status]).toEqual([202, 'pending'])
    await closing
  })
})

describe('Idempotency-Key', () => {
  it('compares what the client sent, even if the schema changes its value in place', async () => {
    let calls = 0
    const validate = (value: unknown) => ({ value: Object.assign(value as object, { call: ++calls }) })
    const marked = job({ input: { '~standard': { version: 1, vendor: 'test', validate } }, run: () => null })
    const jobs = createJobs({
      jobs: { marked },
      store: sqlite(':memory:'),
      log: silentLog,
      authenticate: () => ({ owner: 'alice' }),
    })
    const send = () =>
      jobs.fetch(
        new Request('http://localhost/api/jobs', {
          method: 'POST',
          body: '{"type":"marked","input":{"a":1}}',
          headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
        }),
      )
    try {
      const [first, second] = [await send(), await send()]
      expect([first.status, second.status, calls]).toEqual([202, 202, 2])
      const { jobId } = await body(first)
      expect(await body(second)).toMatchObject({ jobId })
      expect(await jobs.get(String(jobId), { owner: 'alice', include: ['input'] })).toMatchObject({ input: { a: 1 } })
    } finally {
      await jobs.close()
    }
  })

  it('returns the existing job in its current state for a repeated request', async () => {
    const first = await body(await api.post('', { type: 'held', input: { a: 1, b: 2 } }, keyed('"k 1"')))
    await api.post(`/${first.jobId}/cancel`, '')
    const again = await api.post('', '{"input":{"b":2,"a":1},"type":"held"}', keyed('k 1'))
    expect([again.status, again.headers.get('idempotent-replayed'), again.headers.get('etag')]).toEqual([
      202,
      'true',
      'W/"2"',
    ])
    expect(await body(again)).toMatchObject({
      jobId: first.jobId,
      status: 'cancelled',
      message: expect.stringMatching(/cancelled/),
    })
  })

  it('rejects a different payload with the same key', async () => {
    await api.post('', held, keyed('k'))
    const other = await api.post('', { ...held, priority: 'high' }, keyed('k'))
    expect([other.status, (await body(other)).type]).toEqual([422, 'urn:uketsuke:problem:idempotency-key-reused'])
  })

  it('is scoped to the owner', async () => {
    const [one, other] = [await api.post('', held, keyed('k')), await api.post('', held, { ...keyed('k'), as: 'bob' })]
    expect((await body(one)).jobId).not.toBe((await body(other)).jobId)
    expect(other.headers.has('idempotent-replayed')).toBe(false)
  })

  it('does not store the key of a rejected request', async () => {
    expect((await api.post('', { type: 'report', input: {} }, keyed('k'))).status).toBe(422)
    expect((await api.post('', { type: 'report', input: { pages: 1 } }, keyed('k'))).status).toBe(202)
  })

  it('unescapes a quoted key and accepts 255 characters', async () => {
    const first = await body(await api.post('', held, keyed('"a\\"b\\\\"')))
    expect((await body(await api.post('', held, keyed('a"b\\')))).jobId).toBe(first.jobId)
    expect((await api.post('', held, keyed('x'.repeat(255)))).status).toBe(202)
  })

  it('creates one job for concurrent requests', async () => {
    const jobs = await Promise.all(Array.from({ length: 20 }, async () => body(await api.post('', held, keyed('k')))))
    expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(1)
  })
})

describe('a first request in progress', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'uketsuke-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('makes a second request wait, then responds with 409 and Retry-After', async () => {
    const path = join(folder, 'jobs.db')
    const slow = await serve({ store: sqlite(path) })
    try {
      // Another process holds the write lock, so the first request cannot commit.
      const other = await open(path)
      other.exec('BEGIN IMMEDIATE')
      const answers = [1, 2].map(() => slow.post('', held, keyed('k')))
      // The second request waits on the test clock.
      await until(() => slow.clock.pending > 0)
      await slow.clock.advance(2_000)
      const conflict = await Promise.race(answers)
      expect([conflict.status, conflict.headers.get('retry-after')]).toEqual([409, '1'])
      expect((await body(conflict)).type).toBe('urn:uketsuke:problem:idempotency-in-progress')
      other.exec('ROLLBACK')
      other.close()
      expect((await Promise.all(answers)).map(({ status }) => status).sort()).toEqual([202, 409])
    } finally {
      await slow.close()
    }
  })
})
