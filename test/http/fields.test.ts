import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { job } from '../../packages/uketsuke/src/definition/define.ts'
import { createJobs, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { raw } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

const held = { type: 'held', input: {} }
let api: Serving
beforeAll(async () => {
  api = await serve()
})
afterAll(() => api.close())

const send = (line: string, fields: string[] = [], text = '') =>
  raw(
    api.port,
    [
      `${line} HTTP/1.1`,
      'Host: x',
      'Connection: close',
      'Authorization: Bearer alice',
      `Content-Length: ${Buffer.byteLength(text)}`,
      ...fields,
      '',
      text,
    ].join('\r\n'),
  )

describe('Content-Type', () => {
  it.each([
    'application/json; charset=utf8',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
    'application/json; charset=us-ascii',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
    'application/json; version=2; charset=',
    'application/vnd.api+json; charset=utf8; ext="a;b"',
    'APPLICATION/JSON ; odata=verbose',
  ])('%s is JSON', async (type) => {
    expect((await api.post('', held, { headers: { 'content-type': type } })).status).toBe(202)
  })

  it('does not affect how the bytes are decoded', async () => {
    const text = Buffer.from(JSON.stringify({ type: 'held', input: { a: 'é' } }), 'utf16le')
    const headers = { 'content-type': 'application/json; charset=utf-16le' }
    const response = await api.call('', { method: 'POST', headers, body: text })
    expect([response.status, (await body(response)).type]).toEqual([400, 'urn:uketsuke:problem:invalid-json'])
  })
})

describe('Idempotency-Key', () => {
  const json = 'Content-Type: application/json'
  const text = JSON.stringify(held)

  it.each([
    [['Idempotency-Key: k1', 'Idempotency-Key: k1']],
    [['Idempotency-Key: k1', 'Idempotency-Key: k2']],
    [['Idempotency-Key: "k1"', 'Idempotency-Key: "k1"']],
    [['Idempotency-Key: k1, k2']],
  ])('rejects repeated fields: %s', async (fields) => {
    const answer = await send('POST /api/jobs', [json, ...fields], text)
    expect([answer.status, answer.body]).toEqual([400, expect.stringContaining('invalid-idempotency-key')])
  })

  it('may have parameters, and a comma in a quoted string', async () => {
    const keyed = async (key: string) => body(await api.post('', held, { headers: { 'idempotency-key': key } }))
    const first = await keyed('k9')
    for (const key of ['"k9"', '"k9";p=1', '"k9"; a; b="x;y, z"']) expect((await keyed(key)).jobId).toBe(first.jobId)
    expect((await keyed('"k9, k9"')).jobId).not.toBe(first.jobId)
  })
})

describe('Idempotency-Key on a retry', () => {
  const ended = async (as = 'alice') => {
    const { jobId } = await api.create(held, as)
    await api.call(`/${jobId}/cancel`, { method: 'POST', as })
    return jobId
  }
  const retry = async (jobId: string, key: string | null, as = 'alice') => {
    const headers: Record<string, string> = key === null ? {} : { 'idempotency-key': key }
    const response = await api.call(`/${jobId}/retry`, { method: 'POST', headers, as })
    const { status } = response
    return { status, replayed: response.headers.get('idempotent-replayed'), ...(await body(response)) } as Record<
      string,
      unknown
    >
  }

  it('returns the existing job in its current state for a repeated request', async () => {
    const jobId = await ended()
    const first = await retry(jobId, 'r1')
    expect(first).toMatchObject({ status: 'pending', replayed: null, retryOf: jobId })
    await api.call(`/${first.jobId}/cancel`, { method: 'POST' })
    expect(await retry(jobId, '"r1";p=1')).toMatchObject({
      jobId: first.jobId,
      replayed: 'true',
      status: 'cancelled',
      message: expect.stringMatching(/cancelled/),
    })
    expect((await retry(jobId, 'r2')).jobId).not.toBe(first.jobId)
    expect((await retry(jobId, null)).jobId).not.toBe(first.jobId)
  })

  it('creates one job for concurrent requests', async () => {
    const jobId = await ended()
    const answers = await Promise.all(Array.from({ length: 20 }, () => retry(jobId, 'many')))
    expect(new Set(answers.map((one) => one.jobId)).size).toBe(1)
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1)
  })

  it.each(['""', '"a', 'k1, k2', 'x'.repeat(256)])('rejects a malformed key (%s) and creates nothing', async (key) => {
    const jobId = await ended()
    const before = (await api.jobs.list({ owner: 'alice', limit: 100 })).items.length
    expect(await retry(jobId, key)).toMatchObject({ type: 'urn:uketsuke:problem:invalid-idempotency-key', status: 400 })
    expect((await api.jobs.list({ owner: 'alice', limit: 100 })).items).toHaveLength(before)
  })

  it('is rejected for another job, and independent for other routes and owners', async () => {
    const [one, other, bobs] = [await ended(), await ended(), await ended('bob')]
    const first = await retry(one, 'scope')
    expect(await retry(other, 'scope')).toMatchObject({
      type: 'urn:uketsuke:problem:idempotency-key-reused',
      status: 422,
    })
    expect((await retry(bobs, 'scope', 'bob')).replayed).toBeNull()
    const created = await api.post('', held, { headers: { 'idempotency-key': 'scope' } })
    expect([created.status, created.headers.get('idempotent-replayed')]).toEqual([202, null])
    expect((await body(created)).jobId).not.toBe(first.jobId)
  })

  it('does not store the key of a rejected request', async () => {
    const { jobId } = await api.create()
    expect((await retry(jobId, 'early')).type).toBe('urn:uketsuke:problem:job-not-finished')
    await api.call(`/${jobId}/cancel`, { method: 'POST' })
    expect(await retry(jobId, 'early')).toMatchObject({ retryOf: jobId, replayed: null })
  })

  it('works together with Prefer: wait', async () => {
    const jobId = await ended()
    const response = await api.call(`/${jobId}/retry`, { method: 'POST', headers: { prefer: 'wait=0' } })
    expect(response.headers.get('preference-applied')).toBe('wait=0')
  })
})

describe('Prefer', () => {
  it.each([
    [['Prefer: foo="a, wait=5", wait=0'], 'wait=0'],
    [['Prefer: foo="a, wait=5"', 'Prefer: wait=0'], 'wait=0'],
    [['Prefer: foo="\\", wait=5"; a=b, wait=0, wait=7'], 'wait=0'],
    [['Prefer: foo="a, wait=5"'], undefined],
    [['Prefer: foo="a, wait=5'], undefined],
  ])('%s applies %s', async (fields, applied) => {
    const answer = await send('POST /api/jobs', ['Content-Type: application/json', ...fields], JSON.stringify(held))
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, applied])
  })
})

describe('a percent-encoded path', () => {
  const encoded = (text: string) => Array.from(text, (char) => `%${char.charCodeAt(0).toString(16)}`).join('')

  it('is equivalent to the decoded path', async () => {
    const { jobId } = await api.create()
    for (const path of [
      `/api/jobs/${encoded(jobId)}`,
      `/api/jobs/%${jobId.charCodeAt(0).toString(16)}${jobId.slice(1)}`,
      `/%61pi/jobs/${jobId}`,
      '/api/jobs/openapi%2Ejson',
    ]) {
      expect([path, (await send(`GET ${path}`)).status]).toEqual([path, 200])
      const request = new Request(`http://x${path}`, { headers: { authorization: 'Bearer alice' } })
      expect((await api.jobs.fetch(request)).status).toBe(200)
    }
    expect((await send(`POST /api/jobs/${jobId}/%63ancel`)).status).toBe(200)
  })

  it('adds no segments, and has the same idempotency key scope', async () => {
    const { jobId } = await api.create()
    for (const path of [`/api/jobs%2F${jobId}`, `/api/jobs/${jobId}%2Fcancel`, `/api/jobs/%2e%2e/jobs%2f${jobId}`]) {
      expect([path, (await send(`GET ${path}`)).status]).toEqual([path, 404])
    }
    expect((await send(`GET /api/jobs/%`)).status).toBe(404)
    const fields = ['Content-Type: application/json', 'Idempotency-Key: path']
    const [one, other] = [
      await send('POST /api/jobs', fields, JSON.stringify(held)),
      await send('POST /api/j%6Fbs/', fields, JSON.stringify(held)),
    ]
    expect(JSON.parse(other.body).jobId).toBe(JSON.parse(one.body).jobId)
  })

  it('may be the base path', async () => {
    const jobs = createJobs({
      jobs: {
        held: job({
          input: { '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } },
          run: () => 1,
        }),
      },
      store: sqlite(':memory:'),
      log: silentLog,
      authenticate: () => ({ owner: 'ann' }),
      basePath: '/api/jöbs%7E',
    })
    try {
      for (const path of ['/api/jöbs~', '/api/j%c3%b6bs%7e', '/api/j%C3%B6bs~/']) {
        const response = await jobs.fetch(new Request(`http://x${path}`))
        expect([path, response.status]).toEqual([path, 200])
      }
      const made = await jobs.fetch(
        new Request('http://x/api/jöbs~', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"type":"held","input":{}}',
        }),
      )
      expect(made.headers.get('location')).toMatch(/^\/api\/j%C3%B6bs~\/\w{26}$/)
    } finally {
      await jobs.close()
    }
  })
})

it('an event stream asks intermediaries not to buffer it', async () => {
  const { jobId } = await api.create()
  const response = await api.call(`/${jobId}/stream`)
  expect(Object.fromEntries(response.headers)).toMatchObject({ incremental: '?1', 'x-accel-buffering': 'no' })
  await response.body?.cancel()
})
