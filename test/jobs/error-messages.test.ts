import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  allOwners,
  createJobs,
  JobError,
  job,
  type Log,
  silentLog,
  sqlite,
  UketsukeError,
  UnrecoverableError,
} from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, open } from './setup.ts'

const input = z.object({})
const neutral = 'The job failed because of an error on the server.'
const secret = 'hunter2'
const leak = () => new Error(`connect ECONNREFUSED postgres://app:${secret}@10.0.0.3/prod`)

class Odd extends Error {
  override get message(): string {
    throw new Error(secret)
  }
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Thrown values, with the code and message that clients see. */
const thrown: [string, () => unknown, string, string][] = [
  ['an error of a driver', leak, 'handler-error', neutral],
  ['text', () => leak().message, 'handler-error', neutral],
  [
    'a request object with headers',
    () => ({ config: { headers: { Authorization: secret } } }),
    'handler-error',
    neutral,
  ],
  ['an error with secret properties', () => Object.assign(leak(), { Authorization: secret }), 'handler-error', neutral],
  ['an AggregateError', () => new AggregateError([leak(), leak()], secret), 'handler-error', neutral],
  ['a cause', () => new JobError('Try again.', { cause: leak() }), 'job-error', 'Try again.'],
  ['an imitation', () => Object.assign(leak(), { name: 'JobError', code: secret }), 'handler-error', neutral],
  ['a getter that throws', () => new Odd(), 'handler-error', neutral],
  ['a revoked proxy', revoked, 'handler-error', neutral],
  ['an object without a prototype', () => Object.create(null), 'handler-error', neutral],
  [
    'an error of this package',
    () => new UketsukeError('store-unusable', secret),
    'store-unusable',
    'The store cannot be used.',
  ],
  ['an UnrecoverableError', () => new UnrecoverableError('No.', { cause: leak() }), 'unrecoverable', 'No.'],
  ['a custom code', () => new JobError('Full.', { code: 'disk-full' }), 'disk-full', 'Full.'],
  ['a code that is not a string', () => new JobError('Full.', { code: leak() as never }), 'job-error', 'Full.'],
  ['the code of a hidden error', () => new JobError(secret, { code: 'handler-error' }), 'handler-error', neutral],
]

describe('what clients see of an error', () => {
  it.each(thrown)('%s', async (_, make, code, message) => {
    const lines: object[] = []
    const note = (fields: object) => void lines.push(fields)
    const log: Log = { info: note, warn: note, error: note, child: () => log }
    const run = () => {
      throw make()
    }
    const { jobs, clock } = open({ odd: job({ input, run }) }, { log })
    const { jobId } = await jobs.enqueue('odd', {}, { owner: 'ann' })
    await jobs.work()
    await clock.advance(0)
    const seen = [await jobs.get(jobId, { owner: 'ann' }), await jobs.list({ owner: 'ann' })]
    seen.push((await jobs.attempts(jobId, { owner: 'ann' })) as never)
    expect(seen[0]).toMatchObject(
      code === 'unrecoverable' ? { error: { code, message } } : { lastError: { code, message } },
    )
    expect(JSON.stringify(seen)).not.toMatch(/hunter2|ECONNREFUSED| {4}at |thrown/)
    expect(JSON.stringify(lines)).not.toContain('Authorization')
    expect(lines).toContainEqual(
      expect.objectContaining({ code, err: expect.objectContaining({ stack: expect.any(String) }) }),
    )
  })

  it('operators see the complete error, including causes and stacks, and no passwords in URLs', async () => {
    const run = () => {
      throw new TypeError('fetch failed', { cause: new AggregateError([leak()], 'all of them') })
    }
    const { jobs, clock } = open({ odd: job({ input, run, maxAttempts: 1 }) })
    const { jobId } = await jobs.enqueue('odd', {}, { owner: 'ann' })
    await jobs.work()
    await clock.advance(0)
    const [attempt] = await jobs.attempts(jobId, { owner: allOwners })
    for (const part of ['fetch failed', 'all of them', 'postgres://app:***@10.0.0.3/prod', 'error-messages.test.ts'])
      expect(attempt?.error?.thrown).toContain(part)
    expect(attempt?.error?.thrown).not.toContain(secret)
    const [theirs] = await jobs.attempts(jobId, { owner: 'ann' })
    expect(theirs).toMatchObject({ worker: '', error: { code: 'handler-error', message: neutral } })
  })

  it('an invalid progress value is not quoted', async () => {
    const run = ({ progress }: { progress(percent: number): void }) => progress(secret as never)
    const { jobs, clock } = open({ odd: job({ input, run }) })
    const { jobId } = await jobs.enqueue('odd', {}, { owner: 'ann' })
    await jobs.work()
    await clock.advance(0)
    const message = 'Progress must be a number from 0 to 100.'
    expect(await jobs.get(jobId, { owner: 'ann' })).toMatchObject({ error: { code: 'invalid-progress', message } })
    expect((await jobs.attempts(jobId, { owner: allOwners }))[0]?.error?.thrown).toContain(secret)
  })

  it('an error can set whether it is retryable', async () => {
    const types = {
      again: job({ input, run: () => Promise.reject(new JobError('Busy.')) }),
      never: job({ input, run: () => Promise.reject(new JobError('Gone.', { retryable: false })) }),
    }
    const { jobs, clock } = open(types)
    const again = await jobs.enqueue('again', {})
    const never = await jobs.enqueue('never', {})
    await jobs.work()
    await clock.advance(0)
    expect(await jobs.get(again.jobId, { owner: allOwners })).toMatchObject({
      status: 'pending',
      lastError: { message: 'Busy.', retryable: true },
    })
    expect(await jobs.get(never.jobId, { owner: allOwners })).toMatchObject({
      status: 'failed',
      error: { message: 'Gone.', retryable: false },
    })
  })

  it('no details appear in a webhook, a stream or a status response', async () => {
    const received: string[] = []
    const receiver = createServer((req, res) => {
      let text = ''
      req.on('data', (chunk) => {
        text += chunk
      })
      req.on('end', () => {
        received.push(text)
        res.end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    atEnd(() => void receiver.close())
    const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
    const jobs = createJobs({
      jobs: { odd: job({ input, maxAttempts: 1, run: () => Promise.reject(leak()) }) },
      store: sqlite(':memory:'),
      authenticate: () => ({ owner: 'ann' }),
      log: silentLog,
      webhooks: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', allowHosts: [host] },
    })
    atEnd(() => jobs.close())
    const { jobId } = await jobs.enqueue('odd', {}, { owner: 'ann', webhookUrl: `http://${host}/` })
    await jobs.work()
    await until(() => received.length > 0)
    const answers = await Promise.all(
      ['', `/${jobId}`, `/${jobId}/stream`].map(async (path) => {
        const response = await jobs.fetch(new Request(`http://localhost/api/jobs${path}`))
        return await response.text()
      }),
    )
    for (const text of [...received, ...answers]) {
      expect(text).toContain(neutral)
      expect(text).not.toContain(secret)
    }
  })

  it('pino logs the type, message and stack of an error', async () => {
    const lines: string[] = []
    const log = pino({}, { write: (line: string) => void lines.push(line) })
    const run = () => Promise.reject(Object.assign(new RangeError('too far'), { code: 'E_FAR', Authorization: secret }))
    const { jobs, clock } = open({ odd: job({ input, run }) }, { log })
    await jobs.enqueue('odd', {})
    await jobs.work()
    await clock.advance(0)
    const line = JSON.parse(lines.find((one) => one.includes('attempt failed')) ?? '{}')
    const stack = expect.stringContaining('error-messages.test.ts')
    expect(line).toMatchObject({ err: { type: 'RangeError', message: 'too far', code: 'E_FAR', stack } })
    expect(line.err).not.toHaveProperty('Authorization')
  })

  it('a credential in an error of authenticate is not logged', async () => {
    const lines: object[] = []
    const note = (fields: object) => void lines.push(fields)
    const log: Log = { info: note, warn: note, error: note, child: () => log }
    const thrown = Object.assign(new Error('the directory is down'), { config: { headers: { Authorization: secret } } })
    const { jobs } = open({}, { log, authenticate: () => Promise.reject(thrown) })
    expect((await jobs.fetch(new Request('http://localhost/api/jobs'))).status).toBe(500)
    expect(JSON.stringify(lines)).toContain('the directory is down')
    expect(JSON.stringify(lines)).not.toContain(secret)
  })
})
