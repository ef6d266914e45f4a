import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { type JwtOptions, jwt } from '../../packages/uketsuke/src/auth/index.ts'
import {
  allOwners,
  createJobs,
  type JobsOptions,
  job,
  type Scope,
  silentLog,
  sqlite,
} from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { body } from './server.ts'

const types = { held: job({ input: z.object({}), run: () => null }) }

function open(options: Partial<JobsOptions<typeof types>>, file = tempFile(), clock = manualClock()) {
  const jobs = createJobs({ jobs: types, store: sqlite(file), clock, log: silentLog, ...options })
  atEnd(() => jobs.close())
  const call = (headers: Record<string, string>, path = '', method = 'GET') => {
    const more = method === 'POST' && path === '' ? { body: '{"type":"held","input":{}}' } : {}
    const fields = { 'content-type': 'application/json', ...headers }
    return jobs.fetch(new Request(`http://localhost/api/jobs${path}`, { method, headers: fields, ...more }))
  }
  return { jobs, clock, file, call }
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
/** Status, header fields and body of a response. */
const whole = async (response: Response) =>
  JSON.stringify([response.status, [...response.headers], await response.text()])

describe('API keys', () => {
  it('authenticate as their owner, with their scopes, in either header', async () => {
    const { jobs, call } = open({ apiKeys: true })
    const { key, ...view } = await jobs.apiKeys.create({ owner: 'ann', scopes: ['jobs:create'], name: 'ci' })
    expect(key).toMatch(/^uk_[0-9a-z]{16}_[0-9a-f]{64}_[0-9a-f]{8}$/)
    expect(view).toMatchObject({ owner: 'ann', scopes: ['jobs:create'], name: 'ci', expiresAt: null, revokedAt: null })
    for (const headers of [bearer(key), { 'x-api-key': key }, { authorization: `bearer  ${key}` }]) {
      const accepted = await call(headers, '', 'POST')
      expect(accepted.status).toBe(202)
      expect(await jobs.get(String((await body(accepted)).jobId), { owner: 'ann' })).not.toBeNull()
      expect((await call(headers)).status).toBe(403)
    }
  })

  it('are stored as hashes only', async () => {
    const { jobs, file } = open({ apiKeys: true })
    const { key, id } = await jobs.apiKeys.create({ owner: 'ann' })
    const secret = key.split('_')[2] ?? ''
    const store = sqlite(file)(manualClock())
    await store.migrate()
    const record = await store.records.get('api-key', allOwners, id)
    await store.close()
    expect(record?.value).not.toContain(secret)
    expect(await jobs.apiKeys.list({ owner: 'ann' })).toEqual([
      expect.not.objectContaining({ hash: expect.anything() }),
    ])
  })

  it('that are not valid get the same 401 for every reason', async () => {
    const { jobs, call, clock } = open({ apiKeys: true })
    const { key } = await jobs.apiKeys.create({ owner: 'ann' })
    const other = (await jobs.apiKeys.create({ owner: 'bob' })).key
    const brief = await jobs.apiKeys.create({ owner: 'ann', expiresAt: new Date(clock.now() + 10_000) })
    const revoked = await jobs.apiKeys.create({ owner: 'ann' })
    expect((await call(bearer(brief.key))).status).toBe(200)
    expect((await call(bearer(revoked.key))).status).toBe(200)
    await jobs.apiKeys.revoke(revoked.id)
    await clock.advance(10_000)
    const [, id = '', secret = '', sum = ''] = key.split('_')
    const bad: Record<string, Record<string, string>> = {
      none: {},
      'an empty one': bearer(''),
      truncated: bearer(key.slice(0, -1)),
      'too long': bearer(`${key}0`),
      'a wrong checksum': bearer(`uk_${id}_${secret}_00000000`),
      'a mistyped secret': bearer(`uk_${id}_${secret.replace(/./, (one) => (one === 'a' ? 'b' : 'a'))}_${sum}`),
      'the id of one key with the secret of another': bearer(`uk_${id}_${other.split('_')[2]}_${other.split('_')[3]}`),
      'an unknown id': bearer((await open({ apiKeys: true }).jobs.apiKeys.create({ owner: 'ann' })).key),
      'upper case': bearer(key.toUpperCase()),
      'not Bearer': { authorization: `Basic ${key}` },
      'without a scheme': { authorization: key },
      expired: bearer(brief.key),
      revoked: bearer(revoked.key),
    }
    const expected = await whole(await call({}))
    expect(expected).toContain('401')
    for (const [what, headers] of Object.entries(bad)) expect(await whole(await call(headers)), what).toBe(expected)
    expect((await call(bearer(key))).status).toBe(200)
  })

  it('in a URL are ignored', async () => {
    const { jobs, call } = open({ apiKeys: true })
    const { key } = await jobs.apiKeys.create({ owner: 'ann' })
    for (const name of ['key', 'api_key', 'apiKey', 'access_token', 'token', 'authorization']) {
      expect((await call({}, `?${name}=${key}`)).status, name).toBe(401)
    }
    const { jobId } = await jobs.enqueue('held', {}, { owner: 'ann' })
    expect((await call({}, `/${jobId}/stream?ticket=${key}`)).status).toBe(401)
  })

  it('leave other credentials to authenticate', async () => {
    const { jobs, call } = open({
      apiKeys: true,
      authenticate: (request) => (request.headers.get('cookie') === 's=1' ? { owner: 'carl' } : null),
    })
    const { key } = await jobs.apiKeys.create({ owner: 'ann' })
    expect((await call({ cookie: 's=1' })).status).toBe(200)
    expect((await call(bearer(key))).status).toBe(200)
    expect((await call(bearer('else'))).status).toBe(401)
  })

  it('are not accepted without the option', async () => {
    const { jobs, call } = open({ authenticate: () => null })
    const { key } = await jobs.apiKeys.create({ owner: 'ann' })
    expect((await call(bearer(key))).status).toBe(401)
  })

  it('are listed by owner, and rotate: two keys work at once', async () => {
    const { jobs, call } = open({ apiKeys: true })
    const older = await jobs.apiKeys.create({ owner: 'ann' })
    const newer = await jobs.apiKeys.create({ owner: 'ann' })
    await jobs.apiKeys.create({ owner: 'bob' })
    for (const { key } of [older, newer]) expect((await call(bearer(key))).status).toBe(200)
    expect(await jobs.apiKeys.revoke(older.id)).toBe(true)
    expect([(await call(bearer(older.key))).status, (await call(bearer(newer.key))).status]).toEqual([401, 200])
    const listed = await jobs.apiKeys.list({ owner: 'ann' })
    expect(listed.map(({ id, revokedAt }) => [id, revokedAt !== null]).sort()).toEqual(
      [[older.id, true] as const, [newer.id, false] as const].sort(),
    )
    expect(await jobs.apiKeys.list({ owner: allOwners })).toHaveLength(3)
    expect(await jobs.apiKeys.revoke('unknown')).toBe(false)
  })

  it.each([
    [{ owner: '' }, 'invalid-owner'],
    [{ owner: 'ann', scopes: [] }, 'invalid-configuration'],
    [{ owner: 'ann', scopes: ['root' as Scope] }, 'invalid-configuration'],
    [{ owner: 'ann', expiresAt: 'tomorrow' }, 'invalid-configuration'],
    [{ owner: 'ann', expiresAt: new Date(0) }, 'invalid-configuration'],
    [{ owner: 'ann', name: 'a\nb' }, 'invalid-configuration'],
    [{ owner: 'ann', name: '' }, 'invalid-configuration'],
  ])('are not created with %o', async (options, code) => {
    await expect(open({}).jobs.apiKeys.create(options)).rejects.toMatchObject({ code })
  })
})

describe('a revoked credential', () => {
  const stream = async (
    call: (headers: Record<string, string>, path: string) => Promise<Response>,
    headers: Record<string, string>,
    path: string,
  ) => {
    const response = await call(headers, path)
    expect(response.status).toBe(200)
    const seen = { ended: false }
    void response.text().then(() => {
      seen.ended = true
    })
    return seen
  }

  it('loses its open streams and its tickets within five seconds, in every process', async () => {
    const here = open({ apiKeys: true })
    const there = open({ apiKeys: true }, here.file, here.clock)
    const { key, id } = await here.jobs.apiKeys.create({ owner: 'ann' })
    const kept = await here.jobs.apiKeys.create({ owner: 'ann' })
    const { jobId } = await here.jobs.enqueue('held', {}, { owner: 'ann' })
    const path = `/${jobId}/stream`
    const { ticket } = (await body(await there.call(bearer(key), `${path}-ticket`, 'POST'))) as { ticket: string }
    const streams = await Promise.all([
      stream(here.call, bearer(key), path),
      stream(there.call, bearer(key), path),
      stream(there.call, {}, `${path}?ticket=${ticket}`),
    ])
    const other = await stream(there.call, bearer(kept.key), path)
    await here.clock.advance(10_000)
    expect([...streams, other].map(({ ended }) => ended)).toEqual([false, false, false, false])
    await here.jobs.apiKeys.revoke(id)
    await here.clock.advance(5_000)
    await until(() => streams.every(({ ended }) => ended))
    expect(other.ended).toBe(false)
    expect((await there.call({}, `${path}?ticket=${ticket}`)).status).toBe(401)
    expect((await there.call(bearer(key))).status).toBe(401)
  })

  it('of your own ends its streams and tickets too, by isRevoked and expiresAt', async () => {
    const revoked = new Set<string>()
    const clock = manualClock()
    const { jobs, call } = open(
      {
        authenticate: (request) => {
          const session = request.headers.get('x-session') ?? ''
          return { owner: 'ann', credential: session, ...(session === 'brief' && { expiresAt: clock.now() + 3_000 }) }
        },
        isRevoked: (credential, owner) => owner === 'ann' && revoked.has(credential),
      },
      tempFile(),
      clock,
    )
    const { jobId } = await jobs.enqueue('held', {}, { owner: 'ann' })
    const path = `/${jobId}/stream`
    const [one, two, brief] = [
      await stream(call, { 'x-session': 'one' }, path),
      await stream(call, { 'x-session': 'two' }, path),
      await stream(call, { 'x-session': 'brief' }, path),
    ]
    const answer = await body(await call({ 'x-session': 'brief' }, `${path}-ticket`, 'POST'))
    expect(answer.expiresAt).toBe(new Date(clock.now() + 3_000).toISOString())
    const byTicket = await stream(call, {}, `${path}?ticket=${answer.ticket}`)
    revoked.add('one')
    await clock.advance(5_000)
    await until(() => one.ended && brief.ended && byTicket.ended)
    expect(two.ended).toBe(false)
  })
})

describe('JSON Web Tokens', () => {
  const secret = 'a secret for tests that has more than 32 bytes'
  const about = { issuer: 'https://issuer.example', audience: 'jobs' }
  const now = manualClock().now()
  const claims = { iss: about.issuer, aud: about.audience, sub: 'ann', exp: Math.floor(now / 1_000) + 60 }
  type Pair = Awaited<ReturnType<typeof generateKeyPair>>
  let rsa: Pair
  let foreign: Pair
  beforeAll(async () => {
    rsa = await generateKeyPair('RS256', { extractable: true })
    foreign = await generateKeyPair('RS256', { extractable: true })
  })
  const sign = (more: object, { key = rsa.privateKey as never, alg = 'RS256', header = {} } = {}) =>
    new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg, ...header }).sign(key)
  const hmac = (more: object, by = secret) => sign(more, { key: new TextEncoder().encode(by) as never, alg: 'HS256' })

  /** A server of the issuer. */
  async function issuer(keys: () => object[] | null) {
    let requests = 0
    const server = createServer((_, response) => {
      requests++
      const found = keys()
      if (found === null) response.writeHead(500).end()
      else response.end(JSON.stringify({ keys: found }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    atEnd(() => void server.close())
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
      requests: () => requests,
    }
  }
  const withToken = (options: Partial<JwtOptions>) => {
    const clock = manualClock()
    return open({ authenticate: jwt({ ...about, algorithms: ['RS256'], clock, ...options }) }, tempFile(), clock)
  }

  it('authenticate by a key set, a public key, or a secret', async () => {
    const { url } = await issuer(() => [{ ...jwk, kid: '1', alg: 'RS256' }])
    const jwk = await exportJWK(rsa.publicKey)
    for (const [options, token] of [
      [{ jwksUrl: url }, await sign({}, { header: { kid: '1' } })],
      [{ publicKey: await exportSPKI(rsa.publicKey) }, await sign({})],
      [{ secret, algorithms: ['HS256'] }, await hmac({})],
    ] as const) {
      const { jobs, call } = withToken(options)
      const accepted = await call(bearer(token), '', 'POST')
      expect(accepted.status).toBe(202)
      expect((await jobs.get(String((await body(accepted)).jobId), { owner: 'ann' }))?.type).toBe('held')
    }
  })

  it('that are not valid get the same 401 for every reason', async () => {
    const publicKey = await exportSPKI(rsa.publicKey)
    const { call } = withToken({ publicKey })
    const good = await sign({})
    const rs512 = await importJWK(await exportJWK(rsa.privateKey), 'RS512')
    expect((await call(bearer(good))).status).toBe(200)
    const [head = '', payload = '', signature = ''] = good.split('.')
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const seconds = claims.exp
    const bad: Record<string, string> = {
      'another issuer': await sign({ iss: 'https://evil.example' }),
      'no issuer': await sign({ iss: undefined }),
      'another audience': await sign({ aud: 'mail' }),
      'no audience': await sign({ aud: undefined }),
      'no subject': await sign({ sub: undefined }),
      'an empty subject': await sign({ sub: '' }),
      'a subject that is a number': await sign({ sub: 7 as never }),
      'a subject that cannot be an owner': await sign({ sub: 'x'.repeat(256) }),
      'a subject with a control character': await sign({ sub: 'a\u0000b' }),
      'no expiry': await sign({ exp: undefined }),
      expired: await sign({ exp: seconds - 120 }),
      'not valid yet': await sign({ nbf: seconds }),
      'another key': await sign({}, { key: foreign.privateKey as never }),
      'the algorithm none': new UnsecuredJWT(claims).encode(),
      'none in the header alone': `${encode({ alg: 'none' })}.${payload}.${signature}`,
      'HMAC with the public key': await hmac({}, publicKey),
      'another algorithm of the same key': await sign({}, { key: rs512 as never, alg: 'RS512' }),
      'a changed payload': `${head}.${encode({ ...claims, sub: 'bob' })}.${signature}`,
      'no signature': `${head}.${payload}.`,
      'a key in the header': await sign(
        {},
        { key: foreign.privateKey as never, header: { jwk: await exportJWK(foreign.publicKey) } },
      ),
      'a key address in the header': await sign(
        {},
        { key: foreign.privateKey as never, header: { jku: 'http://127.0.0.1:9/' } },
      ),
      'an unknown critical header': `${encode({ alg: 'RS256', crit: ['x'], x: 1 })}.${payload}.${signature}`,
      'two parts': `${head}.${payload}`,
      text: 'not-a-token',
    }
    const expected = await whole(await call({}))
    expect(expected).toContain('401')
    for (const [what, token] of Object.entries(bad)) expect(await whole(await call(bearer(token))), what).toBe(expected)
    expect((await call({ authorization: `Basic ${good}` })).status).toBe(401)
    expect((await call({}, `?access_token=${good}`)).status).toBe(401)
  })

  it('carry scopes as a text or an array; a token without them has all, and one of other scopes none', async () => {
    const { call } = withToken({ secret, algorithms: ['HS256'] })
    const statuses = async (more: object) => {
      const headers = bearer(await hmac(more))
      return [(await call(headers)).status, (await call(headers, '', 'POST')).status]
    }
    expect(await statuses({})).toEqual([200, 202])
    expect(await statuses({ scope: 'openid jobs:read' })).toEqual([200, 403])
    expect(await statuses({ scopes: ['jobs:create'] })).toEqual([403, 202])
    expect(await statuses({ scope: 'openid profile' })).toEqual([403, 403])
    expect(await statuses({ scope: '' })).toEqual([403, 403])
    expect(await statuses({ scope: 7 })).toEqual([403, 403])
  })

  it('may name the owner in another claim', async () => {
    const { jobs, call } = withToken({ secret, algorithms: ['HS256'], owner: (token) => token.tenant })
    const accepted = await call(bearer(await hmac({ tenant: 'acme' })), '', 'POST')
    expect(await jobs.get(String((await body(accepted)).jobId), { owner: 'acme' })).not.toBeNull()
    expect((await call(bearer(await hmac({})))).status).toBe(401)
  })

  it('of a key set that cannot be fetched get 503, and work when it is back', async () => {
    let keys: object[] | null = null
    const { url } = await issuer(() => keys)
    const { call } = withToken({ jwksUrl: url })
    const headers = bearer(await sign({}, { header: { kid: '1' } }))
    expect((await call(headers)).status).toBe(503)
    keys = [{ ...(await exportJWK(rsa.publicKey)), kid: '1', alg: 'RS256' }]
    expect((await call(headers)).status).toBe(200)
    expect((await withToken({ jwksUrl: 'http://127.0.0.1:9/keys' }).call(headers)).status).toBe(503)
  })

  it('of a key set that cannot be fetched leave the cause in the log', async () => {
    const { url } = await issuer(() => null)
    const lines: string[] = []
    const log = { ...silentLog, warn: (fields: object, message: string) => void lines.push(message, inspect(fields)) }
    const { call } = open({ authenticate: jwt({ ...about, algorithms: ['RS256'], jwksUrl: url }), log })
    expect((await call(bearer(await sign({})))).status).toBe(503)
    expect(lines.join()).toMatch(/key set of the token issuer is unavailable.*200 OK/s)
  })

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])(
    'of a rotated key set are valid while their %s key is in it',
    async (alg) => {
      const [older, newer] = [
        await generateKeyPair(alg, { extractable: true }),
        await generateKeyPair(alg, { extractable: true }),
      ]
      const entry = async ({ publicKey }: Pair, kid: string) => ({ ...(await exportJWK(publicKey)), kid, alg })
      const token = (by: Pair, kid: string) => sign({}, { key: by.privateKey as never, alg, header: { kid } })
      let keys = [await entry(older, '1')]
      const { url, requests } = await issuer(() => keys)
      const { call } = withToken({ jwksUrl: url, algorithms: [alg] })
      const status = async (by: Pair, kid: string) => (await call(bearer(await token(by, kid)))).status
      try {
        vi.setSystemTime(now)
        expect([await status(older, '1'), await status(newer, '1'), await status(newer, '2')]).toEqual([200, 401, 401])
        keys = [await entry(older, '1'), await entry(newer, '2')]
        // Unknown key ids cause one fetch in 30 seconds.
        for (let kid = 2; kid < 12; kid++) expect(await status(newer, String(kid))).toBe(401)
        expect(requests()).toBe(1)
        vi.setSystemTime(now + 31_000)
        expect([await status(newer, '2'), await status(older, '1')]).toEqual([200, 200])
        keys = [await entry(newer, '2')]
        vi.setSystemTime(now + 11 * 60_000)
        expect([await status(older, '1'), await status(newer, '2')]).toEqual([401, 200])
      } finally {
        vi.useRealTimers()
      }
    },
  )

  it('cannot bring their own key: neither its value nor its URL is used', async () => {
    const own = { ...(await exportJWK(foreign.publicKey)), kid: '1', alg: 'RS256' }
    const evil = await issuer(() => [own])
    const trusted = { ...(await exportJWK(rsa.publicKey)), kid: '1', alg: 'RS256' }
    const { url } = await issuer(() => [trusted])
    const { call } = withToken({ jwksUrl: url })
    const forge = (header: object) => sign({}, { key: foreign.privateKey as never, header: { kid: '1', ...header } })
    expect((await call(bearer(await sign({}, { header: { kid: '1', jku: evil.url } })))).status).toBe(200)
    for (const header of [
      {},
      { jwk: own },
      { jku: evil.url },
      { x5u: evil.url },
      { x5c: ['AAAA'] },
      { kid: evil.url },
    ]) {
      expect((await call(bearer(await forge(header)))).status, JSON.stringify(header)).toBe(401)
    }
    for (const shared of [String(trusted.n), JSON.stringify(trusted), await exportSPKI(rsa.publicKey)]) {
      expect((await call(bearer(await hmac({}, shared)))).status).toBe(401)
    }
    expect(evil.requests()).toBe(0)
  })

  it('with a malformed header are 401, never 503, with a key set too', async () => {
    const { url } = await issuer(() => [
      { ...jwk, kid: '1' },
      { kty: 'oct', k: 'AAAA', kid: '2' },
      { kty: 'XX', kid: '3' },
    ])
    const jwk = await exportJWK(rsa.publicKey)
    const { call } = withToken({ jwksUrl: url, algorithms: ['RS256', 'ES256', 'EdDSA'] })
    const [, payload = '', signature = ''] = (await sign({}, { header: { kid: '1' } })).split('.')
    const headers = [
      ...['', '{', 'null', '[]', '7', '"x"', '{}', '{"alg":7}', '{"alg":"__proto__"}', '{"alg":"RS256","kid":7}'],
      ...['{"alg":"RS256","kid":"2"}', '{"alg":"RS256","kid":"3"}', '{"alg":"RS256","kid":"__proto__"}'],
      ...['{"alg":"ES256","kid":"1"}', '{"alg":"EdDSA","kid":"1"}', '{"alg":"RS256","kid":"1","crit":"x"}'],
      '{"alg":"RS256","kid":"1","b64":false,"crit":["b64"]}',
    ]
    for (const header of headers) {
      const token = `${Buffer.from(header).toString('base64url')}.${payload}.${signature}`
      expect((await call(bearer(token))).status, header).toBe(401)
    }
  })

  it('end their streams when they expire', async () => {
    const { jobs, call, clock } = withToken({ secret, algorithms: ['HS256'] })
    const { jobId } = await jobs.enqueue('held', {}, { owner: 'ann' })
    const response = await call(bearer(await hmac({})), `/${jobId}/stream`)
    let ended = false
    void response.text().then(() => {
      ended = true
    })
    await clock.advance(55_000)
    expect(ended).toBe(false)
    await clock.advance(10_000)
    await until(() => ended)
  })

  it.each([
    [{ algorithms: [] }, /algorithms/],
    [{ algorithms: undefined as never }, /algorithms/],
    [{ algorithms: ['none'] }, /"none"/],
    [{ algorithms: ['HS256'] }, /HMAC/],
    [{ algorithms: ['RS256', 'HS256'] }, /HMAC/],
    [{ algorithms: ['RS256'], publicKey: undefined as never, secret }, /HMAC/],
    [{ algorithms: ['HS256'], publicKey: undefined as never, secret: 'short' }, /32 bytes/],
    [{ issuer: '' }, /issuer/],
    [{ audience: [] }, /audience/],
    [{ publicKey: undefined as never }, /exactly one/],
    [{ jwksUrl: 'https://issuer.example/keys' }, /exactly one/],
    [{ publicKey: undefined as never, jwksUrl: 'http://issuer.example/keys' }, /https/],
    [{ publicKey: undefined as never, jwksUrl: 'keys.json' }, /https/],
    [{}, /public key in PEM/],
  ] as [Partial<JwtOptions>, RegExp][])('are refused at start with %o', (options, message) => {
    const make = () => jwt({ ...about, algorithms: ['RS256'], publicKey: 'PEM', ...options })
    expect(make).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: expect.stringMatching(message) }),
    )
  })
})
