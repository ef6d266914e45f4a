import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UketsukeError } from '../../packages/uketsuke/src/domain/errors.ts'
import { expressJobs } from '../../packages/uketsuke/src/http/adapters/express.ts'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { raw } from './raw.ts'
import { body, type Listen, type Serving, serve } from './server.ts'

const onExpress: Listen = async (jobs) => {
  const { default: express } = await import('express')
  return express().use(expressJobs(jobs))
}

const absent = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const nested = (levels: number) => `{"type":"held","input":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`
const held = { type: 'held', input: {} }
const json = { 'content-type': 'application/json' }

interface Row {
  what: string
  send: (api: Serving) => Promise<Response>
  code: string
  status: number
  errors?: { pointer: string; detail: unknown }[]
}

const anyText = expect.stringMatching(/.+/)
const rows: Row[] = [
  { what: 'malformed JSON', send: (a) => a.post('', '{"type":'), code: 'invalid-json', status: 400 },
  { what: 'an empty body', send: (a) => a.post('', ''), code: 'invalid-json', status: 400 },
  {
    what: 'bytes that are not UTF-8',
    send: (a) => a.call('', { method: 'POST', headers: json, body: Buffer.from('{"type":"\xff"}', 'latin1') }),
    code: 'invalid-json',
    status: 400,
  },
  { what: 'an unknown query parameter', send: (a) => a.call('?color=red'), code: 'invalid-query', status: 400 },
  {
    what: 'an unknown query parameter of a job',
    send: (a) => a.call(`/${absent}?x`),
    code: 'invalid-query',
    status: 400,
  },
  {
    what: 'an invalid include',
    send: (a) => a.call(`/${absent}?include=everything`),
    code: 'invalid-query',
    status: 400,
  },
  { what: 'an unknown status', send: (a) => a.call('?status=done'), code: 'invalid-query', status: 400 },
  { what: 'an empty status', send: (a) => a.call('?status='), code: 'invalid-query', status: 400 },
  ...['0', '101', '-1', '1.5', 'ten', '', '1e1'].map((limit) => ({
    what: `limit=${limit}`,
    send: (a: Serving) => a.call(`?limit=${limit}`),
    code: 'invalid-query',
    status: 400,
  })),
  { what: 'two limits', send: (a) => a.call('?limit=1&limit=2'), code: 'invalid-query', status: 400 },
  ...['x', '', 'MTow', Buffer.from(`1:${absent.toLowerCase()}`).toString('base64url'), 'A'.repeat(5_000)].map(
    (cursor) => ({
      what: `cursor=${cursor.slice(0, 12)}`,
      send: (a: Serving) => a.call(`?cursor=${cursor}`),
      code: 'invalid-query',
      status: 400,
    }),
  ),
  ...['""', '"a', 'a'.repeat(256), '"a"b"', '"\\n"', 'caf\u00e9'].map((key) => ({
    what: `Idempotency-Key: ${key.slice(0, 12)}`,
    send: (a: Serving) => a.post('', held, { headers: { 'idempotency-key': key } }),
    code: 'invalid-idempotency-key',
    status: 400,
  })),
  { what: 'no credential', send: (a) => a.call('', { as: '' }), code: 'unauthorized', status: 401 },
  {
    what: 'an unknown credential',
    send: (a) => a.post('', held, { as: 'mallory' }),
    code: 'unauthorized',
    status: 401,
  },
  {
    what: 'no credential for the document',
    send: (a) => a.call('/openapi.json', { as: '' }),
    code: 'unauthorized',
    status: 401,
  },
  {
    what: 'writing with a read-only key',
    send: (a) => a.post('', held, { as: 'reader' }),
    code: 'forbidden',
    status: 403,
  },
  { what: 'reading with a write-only key', send: (a) => a.call('', { as: 'writer' }), code: 'forbidden', status: 403 },
  { what: 'an unknown job', send: (a) => a.call(`/${absent}`), code: 'job-not-found', status: 404 },
  { what: 'an unknown path', send: (a) => a.call(`/${absent}/outputs`), code: 'not-found', status: 404 },
  {
    what: 'Accept: text/html',
    send: (a) => a.call('', { headers: { accept: 'text/html' } }),
    code: 'not-acceptable',
    status: 406,
  },
  {
    what: 'Accept: application/json;q=0',
    send: (a) => a.post('', held, { headers: { accept: '*/*, application/json;q=0' } }),
    code: 'not-acceptable',
    status: 406,
  },
  {
    what: 'a stream requested as JSON',
    send: (a) => a.call(`/${absent}/stream`, { headers: { accept: 'application/json' } }),
    code: 'not-acceptable',
    status: 406,
  },
  {
    what: '10 MB',
    send: (a) => a.post('', `{"x":"${'x'.repeat(10_000_000)}"}`),
    code: 'payload-too-large',
    status: 413,
  },
  {
    what: 'no content type',
    send: (a) => a.call('', { method: 'POST', body: Buffer.from('{}') }),
    code: 'unsupported-media-type',
    status: 415,
  },
  ...['text/plain', 'application/jsonp'].map((type) => ({
    what: `Content-Type: ${type}`,
    send: (a: Serving) => a.post('', held, { headers: { 'content-type': type } }),
    code: 'unsupported-media-type',
    status: 415,
  })),
  {
    what: 'a compressed body',
    send: (a) => a.post('', held, { headers: { 'content-encoding': 'gzip' } }),
    code: 'unsupported-media-type',
    status: 415,
  },
  ...['null', '[]', '"x"', '1'].map((text) => ({
    what: `the body ${text}`,
    send: (a: Serving) => a.post('', text),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '', detail: anyText }],
  })),
  {
    what: 'an unknown member',
    send: (a) => a.post('', { ...held, 'st/a~tus': 'completed' }),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/st~1a~0tus', detail: anyText }],
  },
  {
    what: 'an owner',
    send: (a) => a.post('', { ...held, owner: 'bob' }),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/owner', detail: anyText }],
  },
  {
    what: '10,000 levels',
    send: (a) => a.post('', nested(10_000)),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: `/input/a${'/0'.repeat(62)}`, detail: anyText }],
  },
  { what: '65 levels', send: (a) => a.post('', nested(63)), code: 'validation-error', status: 422 },
  {
    what: 'a __proto__ member',
    send: (a) => a.post('', '{"type":"held","input":{"a":[{"__proto__":{"admin":true}}]}}'),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/input/a/0/__proto__', detail: anyText }],
  },
  {
    what: 'a __proto__ at the top',
    send: (a) => a.post('', '{"__proto__":{},"type":"held","input":{}}'),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/__proto__', detail: anyText }],
  },
  {
    what: 'a number out of range',
    send: (a) => a.post('', '{"type":"held","input":{"a":[1,-1e999]}}'),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/input/a/1', detail: 'The number is out of range.' }],
  },
  {
    what: 'an input that does not match the schema',
    send: (a) => a.post('', { type: 'report', input: { pages: 0 } }),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/input/pages', detail: anyText }],
  },
  {
    what: 'a date that does not exist',
    send: (a) => a.post('', { ...held, runAt: '2026-02-31T00:00:00Z' }),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/runAt', detail: anyText }],
  },
  {
    what: 'an invalid webhook URL',
    send: (a) => a.post('', { ...held, webhookUrl: 'not a url' }),
    code: 'validation-error',
    status: 422,
    errors: [{ pointer: '/webhookUrl', detail: anyText }],
  },
  {
    what: 'an unknown type',
    send: (a) => a.post('', { type: 'constructor', input: {} }),
    code: 'unknown-job-type',
    status: 422,
  },
  {
    what: 'a loopback webhook',
    send: (a) => a.post('', { ...held, webhookUrl: 'http://127.0.0.1:1/' }),
    code: 'webhook-url-forbidden',
    status: 422,
  },
  {
    what: 'a metadata webhook',
    send: (a) => a.post('', { ...held, webhookUrl: 'http://169.254.169.254/' }),
    code: 'webhook-url-forbidden',
    status: 422,
  },
  { what: 'an exceeded quota', send: (a) => a.call('', { as: 'busy' }), code: 'quota-exceeded', status: 429 },
  {
    what: 'an authenticate that throws',
    send: (a) => a.call('', { as: 'broken' }),
    code: 'internal-error',
    status: 500,
  },
  {
    what: 'an authenticate that returns an empty owner',
    send: (a) => a.call('', { as: 'nobody' }),
    code: 'internal-error',
    status: 500,
  },
]

describe.each([
  ['node', nodeListener as Listen],
  ['Express 5', onExpress],
])('invalid requests over a socket, %s', (_, listen) => {
  let api: Serving
  beforeAll(async () => {
    api = await serve({ listen })
  })
  afterAll(() => api.close())

  it.each(rows)('$what → $status $code', async ({ send, code, status, errors }) => {
    const response = await send(api)
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
    const problem = await body(response)
    expect(problem).toMatchObject({
      type: `urn:uketsuke:problem:${code}`,
      title: anyText,
      status,
      detail: anyText,
      ...(errors && { errors }),
    })
    expect(Object.keys(problem)).toEqual([
      ...['type', 'title', 'status', 'detail'],
      ...(problem.errors ? ['errors'] : []),
    ])
    expect(JSON.stringify(problem)).not.toMatch(/secret|node_modules|\bat \//)
    if (status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('stores nothing', async () => {
    expect(await body(await api.call(''))).toEqual({ items: [], nextCursor: null })
  })
})

describe('invalid requests over a socket, other cases', () => {
  let api: Serving
  beforeAll(async () => {
    api = await serve({ serverOptions: { maxHeaderSize: 4 * 1024 * 1024 } })
  })
  afterAll(() => api.close())

  const head = (line: string) => `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer alice\r\n`

  it('responds with the same bytes to a malformed, unknown and foreign id on every job route', async () => {
    const { jobId } = await api.create(undefined, 'bob')
    const ids = [
      absent,
      jobId,
      absent.toLowerCase(),
      'x',
      '%00',
      '..%2f',
      'a'.repeat(1024 * 1024),
      '9'.repeat(26),
      `${jobId}-webhook`,
    ]
    for (const [method, tail] of [
      ['GET', ''],
      ['GET', '/stream'],
      ['POST', '/cancel'],
      ['POST', '/retry'],
      ['POST', '/stream-ticket'],
      ['DELETE', ''],
    ]) {
      const answers = new Set<string>()
      for (const id of ids) {
        const { status, headers, body } = await raw(api.port, `${head(`${method} /api/jobs/${id}${tail}`)}\r\n`)
        headers.delete('date')
        answers.add(JSON.stringify([status, [...headers], body]))
      }
      expect([...answers]).toHaveLength(1)
      expect([...answers][0]).toContain('job-not-found')
    }
    expect((await api.call(`/${jobId}`, { as: 'bob' })).status).toBe(200)
  })

  it.each([
    ['PUT', '', 'POST, GET, HEAD'],
    ['DELETE', '', 'POST, GET, HEAD'],
    ['OPTIONS', '', 'POST, GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['PATCH', `/${absent}`, 'GET, HEAD, DELETE'],
    ['POST', `/${absent}/stream`, 'GET'],
    ['HEAD', `/${absent}/stream`, 'GET'],
    ['GET', `/${absent}/cancel`, 'POST'],
    ['GET', `/${absent}/retry`, 'POST'],
    ['GET', `/${absent}/stream-ticket`, 'POST'],
  ])('%s /%s → 405 with the exact Allow', async (method, path, allow) => {
    const response = await api.call(path, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
    if (method !== 'HEAD') expect(await body(response)).toMatchObject({ status: 405 })
  })

  it('rejects a body by its Content-Length before reading it', async () => {
    const answer = await raw(
      api.port,
      `${head('POST /api/jobs')}Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n`,
    )
    expect([answer.status, answer.body]).toEqual([413, expect.stringContaining('payload-too-large')])
  })

  it('rejects an endless body as soon as it exceeds the limit', async () => {
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
    const answer = await raw(
      api.port,
      `${head('POST /api/jobs')}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(17)}`,
    )
    expect([answer.status, answer.body]).toEqual([413, expect.stringContaining('payload-too-large')])
  })

  it('accepts a chunked body and +json', async () => {
    const text = JSON.stringify(held)
    const answer = await raw(
      api.port,
      `${head('POST /api/jobs')}Content-Type: application/vnd.x+json; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    )
    expect(answer.status).toBe(202)
  })

  it.each(['/api/jobsandmore', '/', '/api', `/api/jobs/${absent}/`])('%s responds with 404', async (path) => {
    const { status, body } = await raw(api.port, `${head(`GET ${path}`)}\r\n`)
    expect([status, body]).toEqual([404, expect.stringContaining('problem:not-found')])
  })

  it('accepts 64 levels of nesting', async () => {
    expect((await api.post('', nested(62))).status).toBe(202)
  })

  it('describes a quota in the RateLimit fields', async () => {
    const { headers } = await api.call('', { as: 'busy' })
    expect(Object.fromEntries(headers)).toMatchObject({
      'retry-after': '30',
      ratelimit: '"default";r=0;t=30',
      'ratelimit-policy': '"default";q=100;w=60',
    })
  })

  it('logs internal errors, but never a query string', async () => {
    api.lines.length = 0
    await api.call('?cursor=confidential', { as: 'broken' })
    expect(api.lines).toMatchObject([{ fields: { where: 'GET /api/jobs' }, message: 'request failed' }])
    expect(JSON.stringify(api.lines)).not.toMatch(/confidential|Bearer/)
  })

  it.each([
    ['temporarily-unavailable', 'The disk is full.', '7'],
    ['store-unusable', 'The file /srv/secret.db is corrupt.', '5'],
  ] as const)('a store that is %s → 503 with Retry-After, and nothing of the inside', async (code, detail, wait) => {
    const { store } = api
    const { insert } = store
    store.insert = () => Promise.reject(new UketsukeError(code, detail, wait === '7' ? { retryAfter: 6.2 } : {}))
    const response = await api.post('', held)
    store.insert = insert
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, wait])
    const problem = await body(response)
    expect(problem.type).toBe('urn:uketsuke:problem:temporarily-unavailable')
    expect(problem.detail).not.toContain('secret')
    expect((await api.post('', held)).status).toBe(202)
  })

  it('responds to an HTTP/1.0 client', async () => {
    expect((await raw(api.port, 'GET /api/jobs HTTP/1.0\r\nAuthorization: Bearer alice\r\n\r\n')).status).toBe(200)
  })
})
