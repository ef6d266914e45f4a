import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createJobs,
  type JobsOptions,
  job,
  silentLog,
  sqlite,
  UnrecoverableError,
  verifyWebhook,
} from '../../packages/uketsuke/src/index.ts'
import { allOwners } from '../../packages/uketsuke/src/store/port.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { until } from '../until.ts'
import { type Answer, receiver } from './receiver.ts'
import { atEnd, tempFile } from './setup.ts'

const shared = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const secretKey = Buffer.alloc(32, 1).toString('base64')
const hour = 60 * 60_000

const types = {
  sum: job({ input: z.object({}), run: () => ({ sum: 2 }) }),
  broken: job({
    input: z.object({}),
    run: () => {
      throw new UnrecoverableError('no')
    },
  }),
}

async function setup(
  answers: Answer[] = [],
  options: { file?: string; secretKey?: string; clock?: ReturnType<typeof manualClock> } = {},
) {
  const { file = tempFile(), clock = manualClock() } = options
  const to = await receiver(...answers)
  const webhooks: JobsOptions<typeof types>['webhooks'] = {
    secret: shared,
    endpoints: true,
    secretKey: options.secretKey ?? secretKey,
    allowHosts: [to.host],
  }
  const jobs = createJobs({ jobs: types, store: sqlite(file), clock, log: silentLog, webhooks })
  atEnd(async () => {
    const closed = jobs.close()
    await clock.advance(25_000)
    await closed
  })
  const run = async (type: keyof typeof types = 'sum', more: { owner?: string; webhookUrl?: string } = {}) => {
    const { jobId } = await jobs.enqueue(type, {}, { owner: 'ann', ...more })
    const worker = await jobs.work()
    await until(async () => {
      await clock.advance(0)
      return (await jobs.get(jobId, { owner: allOwners }))?.completedAt
    })
    const deliveries = () => jobs.deliveries(jobId, { owner: allOwners })
    /** Waits until every delivery has made an attempt. */
    const attempted = () =>
      until(async () => {
        await clock.advance(0)
        const all = await deliveries()
        return all.every(({ attempts, completedAt }) => attempts.length > 0 || completedAt !== null) ? all : null
      })
    const tried = await attempted()
    await worker.stop()
    return { jobId, deliveries, tried }
  }
  const verified = (index: number, secret: string, now = clock.now()) => {
    const { body, headers } = to.received[index]!
    return verifyWebhook(body, headers, secret, { now })
  }
  return { ...to, jobs, clock, file, run, verified }
}

describe('a registered endpoint', () => {
  it('gets the webhooks of its owner, signed with its own secret', async () => {
    const { jobs, url, run, received, verified } = await setup()
    const { secret, ...view } = await jobs.webhookEndpoints.create({ owner: 'ann', url, description: 'all' })
    expect(view).toMatchObject({ url, description: 'all', disabled: null, failing: null })
    expect(view.events).toEqual(['job.completed', 'job.failed', 'job.cancelled'])
    await run('sum', { owner: 'bob' })
    expect(received).toHaveLength(0)
    const { jobId, tried } = await run()
    expect(tried).toMatchObject([
      { deliveryId: `${jobId}-webhook-${view.endpointId}`, endpointId: view.endpointId, status: 'completed' },
    ])
    expect(received).toHaveLength(1)
    expect(verified(0, secret)).toMatchObject({ type: 'job.completed', data: { jobId, output: { sum: 2 } } })
    expect(verified(0, shared)).toBeNull()
    const { headers, body } = received[0]!
    const time = new Date(Number(headers['webhook-timestamp']) * 1_000)
    expect(new Webhook(secret).sign(String(headers['webhook-id']), time, body)).toBe(headers['webhook-signature'])
  })

  it('gets the events that it asked for, beside the webhook of the job itself', async () => {
    const { jobs, url, run, received, verified } = await setup()
    const failures = await jobs.webhookEndpoints.create({ owner: 'ann', url, events: ['job.failed'] })
    await run()
    expect(received).toHaveLength(0)
    const { tried } = await run('broken', { webhookUrl: url })
    expect(tried.map(({ endpointId, status }) => [endpointId, status])).toEqual([
      [undefined, 'completed'],
      [failures.endpointId, 'completed'],
    ])
    const secrets = [shared, failures.secret]
    const signers = received.map((_, i) => secrets.findIndex((secret) => verified(i, secret) !== null))
    expect(signers.sort()).toEqual([0, 1])
  })

  it('gets the webhook of a cancelled job', async () => {
    const { jobs, url, clock, received } = await setup()
    await jobs.webhookEndpoints.create({ owner: 'ann', url })
    const { jobId } = await jobs.enqueue('sum', {}, { owner: 'ann' })
    await jobs.cancel(jobId, { owner: 'ann' })
    const worker = await jobs.work()
    await until(async () => {
      await clock.advance(0)
      return received.length === 1
    })
    await worker.stop()
    expect(JSON.parse(received[0]!.body)).toMatchObject({ type: 'job.cancelled' })
  })

  it('that another process registers or deletes takes effect within two seconds', async () => {
    const { jobs, url, run, received, clock, file } = await setup()
    await run()
    const other = createJobs({
      jobs: types,
      store: sqlite(file),
      clock,
      log: silentLog,
      webhooks: { secret: shared, endpoints: true, secretKey, allowHosts: [new URL(url).host] },
    })
    atEnd(() => other.close())
    const { endpointId } = await other.webhookEndpoints.create({ owner: 'ann', url })
    await clock.advance(2_000)
    await run()
    expect(received).toHaveLength(1)
    await other.webhookEndpoints.remove(endpointId, { owner: 'ann' })
    await clock.advance(2_000)
    await run()
    expect(received).toHaveLength(1)
    await expect(jobs.webhookEndpoints.get(endpointId, { owner: 'ann' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('rotates its secret with 24 hours of two signatures', async () => {
    const { jobs, url, run, received, clock, verified } = await setup()
    const { endpointId, secret: before } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    const { secret: after } = await jobs.webhookEndpoints.rotateSecret(endpointId, { owner: 'ann' })
    expect(after).not.toBe(before)
    await run()
    expect(String(received[0]?.headers['webhook-signature']).split(' ')).toHaveLength(2)
    expect([verified(0, before), verified(0, after)]).not.toContain(null)
    await clock.advance(24 * hour)
    await run()
    expect([verified(1, before) === null, verified(1, after) === null]).toEqual([true, false])
  })

  it('is shown without its secret, and its secret is encrypted at rest', async () => {
    const { jobs, url, file } = await setup()
    const { secret, endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    expect(JSON.stringify(await jobs.webhookEndpoints.list({ owner: 'ann' }))).not.toMatch(/secret|whsec|sealed/)
    const store = sqlite(file)(manualClock())
    await store.migrate()
    const record = await store.records.get('webhook-endpoint', allOwners, endpointId)
    await store.close()
    for (const plain of [secret, secret.slice(6), Buffer.from(secret.slice(6), 'base64').toString('hex')]) {
      expect(record?.value).not.toContain(plain)
    }
  })

  it('keeps its secret while the encryption key rotates, and not without the key', async () => {
    const { jobs, url, file, clock } = await setup()
    const { secret } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    await jobs.close()
    const newer = Buffer.alloc(32, 2).toString('base64')
    const both = await setup([], { file, clock, secretKey: `${newer}, ${secretKey}` })
    await both.jobs.webhookEndpoints.create({ owner: 'ann', url: both.url })
    const { tried } = await both.run()
    expect(tried.map(({ status }) => status)).toContain('completed')
    await both.jobs.close()
    const wrong = await setup([], { file, clock, secretKey: Buffer.alloc(32, 3).toString('base64') })
    const refused = await wrong.run()
    expect(refused.tried.map(({ status }) => status)).not.toContain('completed')
    expect(wrong.received).toHaveLength(0)
    expect(JSON.stringify(refused.tried)).not.toContain(secret)
  })

  it.each([[undefined], [''], ['short'], [`${secretKey},short`]])('needs an encryption key at start: %o', (key) => {
    const webhooks = { secret: shared, endpoints: true, ...(key !== undefined && { secretKey: key }) }
    const sentence = expect.stringMatching(/UKETSUKE_SECRET_KEY: the base64 of 32 random bytes, such as \S{44}\.$/)
    expect(() => createJobs({ jobs: types, store: sqlite(':memory:'), webhooks })).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: sentence }),
    )
  })

  it.each([
    [{ url: 'http://169.254.169.254/' }, 'webhook-url-forbidden'],
    [{ url: 'ftp://example.com/' }, 'webhook-url-forbidden'],
    [{ url: 'https://user:pass@example.com/' }, 'webhook-url-forbidden'],
    [{ url: 'nothing' }, 'validation-error'],
    [{ url: `https://example.com/${'x'.repeat(2_048)}` }, 'validation-error'],
    [{ url: 'https://example.com/', events: [] }, 'validation-error'],
    [{ url: 'https://example.com/', events: ['job.progress'] }, 'validation-error'],
    [{ url: 'https://example.com/', description: 'x'.repeat(201) }, 'validation-error'],
  ])('is refused: %o', async (options, code) => {
    const { jobs } = await setup()
    await expect(jobs.webhookEndpoints.create({ owner: 'ann', ...(options as { url: string }) })).rejects.toMatchObject(
      { code },
    )
  })

  it('whose row is damaged does not affect the jobs and other endpoints of its owner', async () => {
    const { jobs, url, run, file, clock, received } = await setup()
    const { endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    await jobs.webhookEndpoints.create({ owner: 'ann', url })
    const store = sqlite(file)(manualClock())
    await store.migrate()
    await store.records.update('webhook-endpoint', 'ann', endpointId, () => '{')
    await store.close()
    await clock.advance(2_000)
    expect((await run()).tried).toMatchObject([{ status: 'completed' }])
    expect(received).toHaveLength(1)
    expect(await jobs.webhookEndpoints.list({ owner: 'ann' })).toHaveLength(1)
  })

  it('is one of at most twenty of its owner', async () => {
    const { jobs, url } = await setup()
    for (let i = 0; i < 20; i++) await jobs.webhookEndpoints.create({ owner: 'ann', url })
    await expect(jobs.webhookEndpoints.create({ owner: 'ann', url })).rejects.toMatchObject({
      code: 'validation-error',
    })
    expect(await jobs.webhookEndpoints.list({ owner: 'ann' })).toHaveLength(20)
    await jobs.webhookEndpoints.create({ owner: 'bob', url })
  })
})

describe('an endpoint that fails', () => {
  it('is disabled by a 410, and gets its backlog after it is enabled, once', async () => {
    const { jobs, url, run, received, clock } = await setup([{ status: 410 }, { status: 200 }])
    const { endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    const about = { owner: 'ann' }
    const began = new Date(clock.now())
    const first = await run()
    expect(first.tried).toMatchObject([{ status: 'failed', error: { code: 'webhook-refused' } }])
    expect(await jobs.webhookEndpoints.get(endpointId, about)).toMatchObject({ disabled: { reason: 'gone' } })
    const second = await run()
    expect(second.tried).toMatchObject([{ status: 'failed', error: { code: 'webhook-endpoint-disabled' } }])
    expect(received).toHaveLength(1)

    expect(await jobs.webhookEndpoints.enable(endpointId, about)).toMatchObject({ disabled: null, failing: null })
    expect(await jobs.webhookEndpoints.recover(endpointId, { ...about, since: began })).toBe(2)
    // Those that are on their way are not sent twice.
    expect(await jobs.webhookEndpoints.recover(endpointId, { ...about, since: began })).toBe(0)
    const worker = await jobs.work()
    await until(async () => {
      await clock.advance(0)
      return received.length === 3
    })
    await worker.stop()
    expect(new Set(received.slice(1).map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([`msg_${first.jobId}`, `msg_${second.jobId}`]),
    )
    expect(await jobs.webhookEndpoints.recover(endpointId, { ...about, since: began })).toBe(0)
  })

  it('is disabled after 120 hours and ten attempts without a success', async () => {
    const { jobs, url, clock } = await setup([{ status: 500 }])
    const { endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    const get = () => jobs.webhookEndpoints.get(endpointId, { owner: 'ann' })
    const failOnce = async () => {
      const before = (await get()).failing?.attempts ?? 0
      await jobs.enqueue('sum', {}, { owner: 'ann' })
      const worker = await jobs.work()
      await until(async () => {
        await clock.advance(1_000)
        return ((await get()).failing?.attempts ?? 0) > before
      })
      await worker.stop()
    }
    for (let i = 0; i < 9; i++) await failOnce()
    await clock.advance(118 * hour)
    await failOnce()
    const failing = await get()
    expect(failing.failing?.attempts).toBeGreaterThanOrEqual(10)
    expect(failing.disabled).toBeNull()
    await clock.advance(2 * hour)
    await failOnce()
    expect(await get()).toMatchObject({ disabled: { reason: 'failing' } })
  })

  it('forgets its failures with a success', async () => {
    const { jobs, url, run } = await setup([{ status: 500 }, { status: 200 }])
    const { endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    const get = () => jobs.webhookEndpoints.get(endpointId, { owner: 'ann' })
    await run()
    expect((await get()).failing).toMatchObject({ attempts: 1 })
    await run()
    expect((await get()).failing).toBeNull()
  })

  it('may be disabled by its owner, and be deleted while webhooks are on their way', async () => {
    const { jobs, url, run, received } = await setup()
    const { endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url })
    await jobs.webhookEndpoints.disable(endpointId, { owner: 'ann' })
    expect((await run()).tried).toMatchObject([{ status: 'failed', error: { code: 'webhook-endpoint-disabled' } }])
    await jobs.enqueue('sum', {}, { owner: 'ann' })
    await jobs.webhookEndpoints.remove(endpointId, { owner: 'ann' })
    expect((await run()).tried).toEqual([])
    expect(received).toHaveLength(0)
  })
})

describe('the webhook URL of a job', () => {
  it('that responded with 410 gets no more webhooks, until one is redelivered', async () => {
    const { jobs, url, run, received, clock } = await setup([{ status: 410 }, { status: 200 }])
    await run('sum', { webhookUrl: url })
    const second = await run('sum', { webhookUrl: url })
    expect(second.tried).toMatchObject([{ status: 'failed', error: { code: 'webhook-refused' } }])
    await run('sum', { webhookUrl: url, owner: 'bob' })
    // Another owner's request to it was answered with 200.
    expect(received).toHaveLength(2)
    await jobs.redeliver(second.jobId, { owner: 'ann', deliveryId: `${second.jobId}-webhook` })
    const worker = await jobs.work()
    await until(async () => {
      await clock.advance(0)
      return received.length === 3
    })
    await worker.stop()
    expect((await run('sum', { webhookUrl: url })).tried).toMatchObject([{ status: 'completed' }])
  })
})

describe('over HTTP', () => {
  it('is registered, listed, rotated, disabled, enabled, recovered and deleted', async () => {
    const file = tempFile()
    const to = await receiver()
    const jobs = createJobs({
      jobs: types,
      store: sqlite(file),
      log: silentLog,
      authenticate: () => ({ owner: 'ann' }),
      webhooks: { secret: shared, endpoints: true, secretKey, allowHosts: [to.host] },
    })
    atEnd(() => jobs.close())
    const call = async (method: string, path: string, body?: object) => {
      const init = {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      }
      const response = await jobs.fetch(new Request(`http://localhost/api/jobs${path}`, init))
      const text = await response.text()
      return { status: response.status, headers: response.headers, json: text === '' ? null : JSON.parse(text) }
    }
    const base = '/webhook-endpoints'
    const made = await call('POST', base, { url: to.url, events: ['job.completed'] })
    expect(made).toMatchObject({
      status: 201,
      json: { secret: expect.stringMatching(/^whsec_/), events: ['job.completed'] },
    })
    expect(made.headers.get('cache-control')).toBe('no-store')
    const one = `${base}/${made.json.endpointId}`
    expect(made.headers.get('location')).toBe(`/api/jobs${one}`)
    const { secret: _, ...view } = made.json
    expect(await call('GET', one)).toMatchObject({ status: 200, json: view })
    expect((await call('GET', base)).json).toEqual({ items: [view] })
    expect((await call('POST', `${one}/rotate-secret`)).json.secret).not.toBe(made.json.secret)
    expect((await call('POST', `${one}/disable`)).json.disabled).toMatchObject({ reason: 'owner' })
    expect((await call('POST', `${one}/enable`)).json.disabled).toBeNull()
    expect(await call('POST', `${one}/recover`, { since: '2026-01-01T00:00:00Z' })).toMatchObject({
      status: 202,
      json: { recovered: 0 },
    })
    expect((await call('POST', `${one}/recover`, { since: 'yesterday' })).json.errors).toEqual([
      { pointer: '/since', detail: 'Must be an ISO 8601 date and time.' },
    ])
    const refused = await call('POST', base, { url: 'http://10.0.0.1/', secret: 'mine' })
    expect([refused.status, refused.json.errors[0].pointer]).toEqual([422, '/secret'])
    expect((await call('POST', base, { url: 'http://10.0.0.1/' })).json.type).toMatch(/webhook-url-forbidden$/)
    expect((await call('DELETE', one)).status).toBe(204)
    expect((await call('GET', one)).status).toBe(404)
    expect((await call('PUT', one)).status).toBe(405)
  })

  it('lists the deliveries of a job, and sends one again', async () => {
    const { jobs, received } = await (async () => {
      const to = await receiver()
      const jobs = createJobs({
        jobs: types,
        store: sqlite(tempFile()),
        log: silentLog,
        authenticate: () => ({ owner: 'ann' }),
        webhooks: { secret: shared, allowHosts: [to.host] },
      })
      atEnd(() => jobs.close())
      await jobs.enqueue('sum', {}, { owner: 'ann', webhookUrl: to.url })
      await jobs.work()
      return { jobs, received: to.received }
    })()
    const call = async (path: string, method = 'GET') => {
      const response = await jobs.fetch(new Request(`http://localhost/api/jobs${path}`, { method }))
      return { status: response.status, json: (await response.json()) as { items?: unknown[]; deliveryId?: string } }
    }
    const { items } = await jobs.list({ owner: 'ann' })
    const path = `/${items[0]!.jobId}/deliveries`
    const delivered = async (count: number) => {
      const { json } = await call(path)
      const all = json.items as { status: string; deliveryId: string; attempts: { worker: string }[] }[]
      return all.filter(({ status }) => status === 'completed').length === count ? all : null
    }
    const [first] = await until(() => delivered(1))
    expect(first).toMatchObject({
      deliveryId: `${items[0]!.jobId}-webhook`,
      attempts: [{ outcome: 'completed', worker: '' }],
    })
    expect((await call(`${path}/${first!.deliveryId}/redeliver`, 'POST')).status).toBe(202)
    await until(() => delivered(2))
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect((await call(`${path}/unknown/redeliver`, 'POST')).status).toBe(404)
    expect((await call('/webhook-endpoints')).status).toBe(404)
  })
})
