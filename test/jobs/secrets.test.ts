import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { version } from '../../packages/uketsuke/src/base/version.ts'
import { createJobs, job, silentLog, sqlite, verifyWebhook } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, open, visible } from './setup.ts'

const jobs = { one: job({ input: z.object({}), run: () => 1 }) }
const base64 = (bytes: number) => randomBytes(bytes).toString('base64')
const good = `whsec_${base64(32)}`
const hole: string[] = [good]
hole[2] = good

const bad: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['empty', ''],
  ['blank', '   '],
  ['a number', 42],
  ['a Buffer', Buffer.from(randomBytes(32))],
  ['a function', () => good],
  ['an empty list', []],
  ['a list with undefined', [good, undefined]],
  ['a list with a hole', hole],
  ['a list in a list', [[good]]],
  ['a list with a bad one', [good, 'hunter2']],
  ['the prefix alone', 'whsec_'],
  ['no base64 at all', 'whsec_!!!!!!!!!!!!!!!!'],
  ['a little base64 among other things', 'whsec_not*base64'],
  ['a short key', `whsec_${base64(23)}`],
  ['a long key', `whsec_${base64(65)}`],
  ['a line after it', `${good}\n`],
  ['a space before it', ` ${good}`],
  ['a space within', good.replace('whsec_', 'whsec_ ')],
  ['no padding', good.replace(/=+$/, '')],
  ['the URL alphabet', `whsec_${Buffer.alloc(32, 0xfb).toString('base64url')}=`],
  ['bits after its end', `whsec_${'A'.repeat(42)}B=`],
  ['plain text', 'a secret text of forty characters or more'],
  ['base64 without the prefix', base64(32)],
  ['another case', good.replace('whsec', 'WHSEC')],
  ['a key in hex', `whsec_${randomBytes(24).toString('hex')}!`],
]

describe('a webhook secret', () => {
  it.each(bad)('is rejected with a valid example: %s', (_, secret) => {
    const start = () => createJobs({ jobs, store: sqlite(':memory:'), log: silentLog, webhooks: { secret } as never })
    const verify = () => verifyWebhook('', new Headers(), secret as never)
    for (const refused of [start, verify]) {
      const sentences = [refused, refused].map((act) => {
        try {
          act()
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-configuration' })
          return (error as Error).message
        }
        return expect.fail('taken')
      })
      const examples = sentences.map((sentence) => sentence.match(/whsec_[A-Za-z0-9+/]{43}=$/)?.[0] ?? '')
      expect(new Set(examples).size).toBe(2)
      expect(() => new Webhook(examples[0] ?? '')).not.toThrow()
      expect(() => createJobs({ jobs, store: sqlite(':memory:'), webhooks: { secret: examples } })).not.toThrow()
      if (typeof secret === 'string' && secret.length > 6) expect(sentences[0]).not.toContain(secret)
      expect(sentences[0]).not.toMatch(/hunter2/)
    }
  })

  it.each([[null], ['whsec_'], [{}], [[]], [0], [true]])('is required if webhooks is %o', (webhooks) => {
    const options = { jobs, store: sqlite(':memory:'), log: silentLog, webhooks: webhooks as never }
    expect(() => createJobs(options)).toThrow(expect.objectContaining({ code: 'invalid-configuration' }))
  })

  it.each([24, 25, 32, 64])('of %i bytes works with the standardwebhooks library', (bytes) => {
    const secret = `whsec_${base64(bytes)}`
    const at = new Date()
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('msg_1', at, '{}'),
    }
    expect(() => createJobs({ jobs, store: sqlite(':memory:'), webhooks: { secret } })).not.toThrow()
    expect(verifyWebhook('{}', new Headers(headers), secret)).not.toBeNull()
    expect(verifyWebhook('{}', new Headers(headers), good)).toBeNull()
  })
})

it.each(['', 'short'])('does not sign stream tickets with a damaged key: %o', async (key) => {
  const { store, opened: inside } = visible(sqlite(':memory:'))
  const opened = open(jobs, { store, authenticate: () => ({ owner: 'ann' }) })
  const { jobId } = await opened.jobs.enqueue('one', {}, { owner: 'ann' })
  await inside().shared('ticket-key', key)
  const url = `http://localhost/api/jobs/${jobId}/stream-ticket`
  expect((await opened.jobs.fetch(new Request(url, { method: 'POST' }))).status).toBe(503)
})

describe('the User-Agent of a webhook', () => {
  async function agentOf(userAgent?: string) {
    const agents: (string | undefined)[] = []
    const receiver = createServer((req, res) => {
      agents.push(req.headers['user-agent'])
      res.end()
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    atEnd(() => void receiver.close())
    const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
    const opened = open(jobs, { webhooks: { secret: good, allowHosts: [host], userAgent } })
    await opened.jobs.enqueue('one', {}, { webhookUrl: `http://${host}/` })
    await opened.jobs.work()
    await until(async () => {
      await opened.clock.advance(0)
      return agents.length > 0
    })
    return agents[0]
  }

  it('contains the package name and version', async () => {
    expect(version()).toMatch(/^\d+\.\d+\.\d+/)
    expect(await agentOf()).toBe(`uketsuke/${version()}`)
  })

  it('can be customized', async () => {
    expect(await agentOf('Acme-Reports/2 (+https://acme.example)')).toBe('Acme-Reports/2 (+https://acme.example)')
  })

  it.each(['', ' ', 'a\r\nX-Admin: 1', 'a\nb', 'a\0', 'é', ' a', 'a ', 'a'.repeat(256), 7, null, {}, true])(
    'is rejected if it is %o',
    (userAgent) => {
      const webhooks = { secret: good, userAgent } as never
      const refused = expect.objectContaining({ code: 'invalid-configuration' })
      expect(() => createJobs({ jobs, store: sqlite(':memory:'), webhooks })).toThrow(refused)
    },
  )
})

describe('a secret of each owner', () => {
  const master = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const old = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
  const webhook = async (
    options: { secret: string | string[] } | { masterSecret: string | string[] },
    owner: string,
  ) => {
    let arrived!: (one: { headers: Headers; body: string }) => void
    const received = new Promise<{ headers: Headers; body: string }>((resolve) => {
      arrived = resolve
    })
    const server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => {
        response.end()
        arrived({ headers: new Headers(request.headers as Record<string, string>), body: text })
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    atEnd(() => void server.close())
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const made = createJobs({
      jobs,
      store: sqlite(':memory:'),
      log: silentLog,
      webhooks: { ...options, allowHosts: [host] },
    })
    atEnd(() => made.close())
    await made.enqueue('one', {}, { owner, webhookUrl: `http://${host}/` })
    await made.work()
    return { ...(await received), secretOf: (one: string) => made.webhookSecret(one) }
  }

  it('verifies the webhooks of its owner, also by the reference library, and no others', async () => {
    const { headers, body, secretOf } = await webhook({ masterSecret: master }, 'ann')
    expect(verifyWebhook(body, headers, secretOf('ann'))).not.toBeNull()
    expect(() => new Webhook(secretOf('ann')).verify(body, Object.fromEntries(headers))).not.toThrow()
    for (const other of [secretOf('bob'), secretOf('ann '), secretOf('ANN'), master])
      expect(verifyWebhook(body, headers, other)).toBeNull()
  })

  it('stays the same over restarts, and rotates with the master secret', async () => {
    const before = await webhook({ masterSecret: old }, 'ann')
    const during = await webhook({ masterSecret: [master, old] }, 'ann')
    expect(verifyWebhook(during.body, during.headers, before.secretOf('ann'))).not.toBeNull()
    expect(verifyWebhook(during.body, during.headers, during.secretOf('ann'))).not.toBeNull()
    expect(during.secretOf('ann')).not.toBe(before.secretOf('ann'))
  })

  it('is the shared one with webhooks.secret, and refused for what is no owner or without webhooks', async () => {
    const { secretOf } = await webhook({ secret: [master, old] }, 'ann')
    expect(secretOf('ann')).toBe(master)
    expect(() => secretOf('')).toThrow(expect.objectContaining({ code: 'invalid-owner' }))
    const none = createJobs({ jobs, store: sqlite(':memory:') })
    expect(() => none.webhookSecret('ann')).toThrow(expect.objectContaining({ code: 'invalid-configuration' }))
  })
})

it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number])(
  'verifyWebhook takes the age seriously: now is %d',
  (now) => {
    const at = new Date('2020-01-01')
    const headers = new Headers({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(at.getTime() / 1_000),
      'webhook-signature': new Webhook(good).sign('msg_1', at, '{}'),
    })
    expect(verifyWebhook('{}', headers, good, { now: at.getTime() })).not.toBeNull()
    expect(verifyWebhook('{}', headers, good, { now })).toBeNull()
  },
)

it('verifyWebhook refuses an id that lets one signed text be split in two ways', () => {
  const at = new Date()
  const sign = (id: string) =>
    new Headers({
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(good).sign(id, at, '{}'),
    })
  expect(verifyWebhook('{}', sign('msg_1'), good)).not.toBeNull()
  expect(verifyWebhook('{}', sign('msg.1'), good)).toBeNull()
})
