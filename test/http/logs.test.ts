import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, job, sqlite, UketsukeError } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { redis } from '../../packages/uketsuke/src/transport/redis.ts'
import { receiver } from '../jobs/receiver.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { search } from '../log-guard.ts'
import { until } from '../until.ts'

/** Every text that must never be in a log, as it is and as it may be encoded. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ]
}

it('no secret, ticket or webhook body is in a log at trace level, whatever goes wrong', async () => {
  let log = ''
  const write = (line: string) => {
    log += line
  }
  const logger = pino({ level: 'trace' }, { write })
  const planted: Record<string, string> = {
    signing: `whsec_${Buffer.alloc(32, 5).toString('base64')}`,
    encryption: Buffer.alloc(32, 6).toString('base64'),
    session: 'session-of-ann-7f3a',
    bearer: 'bearer-token-91cc',
    input: 'input-of-the-job-55ab',
    output: 'output-of-the-job-6d1e',
    receiver: 'token-of-the-receiver-0c4f',
    database: 'database-password-3b7d',
    redis: 'redis-password-8e2a',
    thrown: 'password-in-an-error-4410',
  }
  const good = await receiver({ status: 500, body: 'sorry' }, { status: 204 })
  const webhooks = {
    secret: planted.signing!,
    endpoints: true,
    secretKey: planted.encryption!,
    allowHosts: [good.host, '127.0.0.1:9'],
  }
  const types = {
    fine: job({ input: z.object({ note: z.string() }), run: () => ({ note: planted.output }) }),
    broken: job({
      input: z.object({ note: z.string() }),
      maxAttempts: 1,
      run: () => {
        throw new Error(`connect postgres://app:${planted.thrown}@db/prod: Authorization: Bearer ${planted.thrown}`)
      },
    }),
  }
  const jobs = createJobs({
    jobs: types,
    store: sqlite(tempFile()),
    log: logger,
    apiKeys: true,
    webhooks,
    authenticate: (request) => {
      const cookie = request.headers.get('cookie') ?? ''
      if (cookie.includes('broken'))
        throw new Error(`cannot read https://u:${planted.thrown}@sessions/ for Bearer ${planted.bearer}`)
      if (cookie.includes('down'))
        throw new UketsukeError('temporarily-unavailable', undefined, {
          cause: new Error(`redis://:${planted.thrown}@s`),
        })
      return cookie.includes(planted.session!) ? { owner: 'ann' } : null
    },
  })
  atEnd(() => jobs.close())
  const server = createServer(nodeListener(jobs)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  atEnd(() => void server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/jobs`
  const { key, id } = await jobs.apiKeys.create({ owner: 'ann' })
  planted.key = key.split('_')[2]!
  const { secret } = await jobs.webhookEndpoints.create({ owner: 'ann', url: `${good.url}&k=${planted.receiver}` })
  planted.endpoint = secret.slice('whsec_'.length)
  await jobs.work()

  const cookie = `session=${planted.session}`
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(origin + path, { redirect: 'error', ...init })
    const text = response.headers.get('content-type')?.startsWith('text/event-stream') ? '' : await response.text()
    if (text === '') await response.body?.cancel()
    return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : {} }
  }
  const post = (type: string, webhookUrl: string, headers: Record<string, string> = { cookie }) =>
    call('', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `k-${type}`, ...headers },
      body: JSON.stringify({ type, input: { note: planted.input }, metadata: { note: planted.input }, webhookUrl }),
    })
  const ids = await Promise.all([
    post('fine', `${good.url}&t=${planted.receiver}`),
    post('broken', `http://127.0.0.1:9/?t=${planted.receiver}`),
    post('fine', good.url, { authorization: `Bearer ${key}`, 'idempotency-key': 'another' }),
  ])
  for (const { json } of ids) {
    await until(async () => {
      const deliveries = await jobs.deliveries(json.jobId, { owner: 'ann' })
      return deliveries.length === 2 && deliveries.every(({ attempts }) => attempts.length > 0)
    })
  }
  const { jobId } = ids[0]!.json
  const { ticket } = (await call(`/${jobId}/stream-ticket`, { method: 'POST', headers: { cookie } })).json
  planted.ticket = ticket
  await call(`/${jobId}/stream?ticket=${ticket}`)
  await call(`/${jobId}/stream?ticket=${ticket}x`)
  await call(`/?access_token=${planted.bearer}`, { headers: { authorization: `Bearer ${planted.bearer}` } })
  await call('', { headers: { cookie: `${cookie}; broken=1` } })
  await call('', { headers: { cookie: `${cookie}; down=1` } })
  await post('fine', `http://10.0.0.1/?t=${planted.receiver}`)
  await call('', {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json' },
    body: `{"note":"${planted.input}`,
  })
  await jobs.apiKeys.revoke(id)
  await call('', { headers: { 'x-api-key': key } })
  for (const store of [
    postgres(`postgres://app:${planted.database}@127.0.0.1:9/x`),
    sqlite(tempFile('not/there.db')),
  ]) {
    const unusable = createJobs({
      jobs: types,
      store,
      log: logger,
      dispatch: redis(`redis://:${planted.redis}@127.0.0.1:9`),
    })
    await unusable.ready().catch((error: unknown) => logger.error({ err: error }, 'cannot start'))
    await unusable.close()
  }
  const onRedis = createJobs({
    jobs: types,
    store: sqlite(tempFile()),
    log: logger,
    dispatch: redis(`redis://:${planted.redis}@127.0.0.1:9`),
  })
  await onRedis.ready()
  await onRedis.enqueue('fine', { note: planted.input! })
  await onRedis.close()

  const lines = log.trim().split('\n')
  expect(lines.length).toBeGreaterThan(5)
  for (const [what, text] of Object.entries(planted)) {
    for (const form of forms(text))
      expect(
        lines.filter((line) => line.includes(form)),
        what,
      ).toEqual([])
  }
  expect(lines.flatMap(search)).toEqual([])
})

it('the search finds what it is for', () => {
  const bad = [
    `secret whsec_${'a'.repeat(44)}`,
    `key uk_${'a'.repeat(16)}_${'0'.repeat(64)}_00000000`,
    `GET /x/stream?ticket=${'a'.repeat(40)}`,
    'Authorization: Bearer abc.def',
    'postgres://app:hunter2@db',
    '{"type":"job.completed","timestamp":"2026-01-01T00:00:00Z","data":{}}',
  ]
  for (const line of bad) expect(search(line), line).toHaveLength(1)
  for (const line of ['postgres://app:***@db', 'GET /api/jobs', 'Bearer']) expect(search(line), line).toEqual([])
})

it.each([
  ['req-1', 'req-1'],
  ['with a space', undefined],
  ['x'.repeat(129), undefined],
])('a line about a request has its X-Request-Id: %s', async (id, logged) => {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const jobs = createJobs({
    jobs: { double: job({ input: z.object({}), run: () => 1 }) },
    store: sqlite(':memory:'),
    log: pino({ level: 'error' }, { write }),
    authenticate() {
      throw new Error('no')
    },
  })
  atEnd(() => jobs.close())
  await jobs.fetch(new Request('http://localhost/api/jobs', { headers: { 'X-Request-Id': id } }))
  expect(lines).toMatchObject([{ msg: 'request failed' }])
  expect(lines[0]?.requestId).toBe(logged)
})
