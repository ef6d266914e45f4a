import { afterEach, expect, test } from 'vitest'
import { Cli, endAll, fresh, openFile, uketsuke } from './run.ts'

afterEach(endAll)

const addressOf = async (cli: Cli) => (await cli.says(/^address\s+(http\S+)$/m))[1]!

test('a key is created, used, listed and revoked while the server runs; its open stream ends', async () => {
  const store = fresh()
  const made = await uketsuke([
    'keys',
    'create',
    '--owner',
    'acme',
    '--name',
    'ci',
    '--expires',
    '90d',
    '--store',
    store,
  ])
  expect(made).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^uk_\w+\n$/),
    err: expect.stringContaining('acme'),
  })
  const key = made.out.trim()
  const [, id = '', secret = ''] = key.split('_')
  expect(made.err).not.toContain(secret)

  const server = new Cli(['serve', '--jobs', openFile, '--port', '0', '--store', store, '--api-keys'])
  const base = await addressOf(server)
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  expect((await fetch(base)).status).toBe(401)
  const until = fresh('now')
  const accepted = await fetch(base, {
    method: 'POST',
    headers,
    body: JSON.stringify({ type: 'held', input: { until } }),
  })
  expect(accepted.status).toBe(202)
  const { streamUrl } = await accepted.json()
  const stream = await fetch(new URL(streamUrl, base), { headers })
  expect(stream.status).toBe(200)

  const list = await uketsuke(['keys', 'list', '--store', store])
  expect(list.out).toMatch(
    new RegExp(`^${id}\tactive until \\S+\tacme\tjobs:create,jobs:read,jobs:cancel\t\\S+\tci\n$`),
  )
  expect(list.out).not.toContain(secret)
  expect(await uketsuke(['keys', 'revoke', id, '--store', store])).toMatchObject({ code: 0, out: `Revoked ${id}.\n` })
  const began = performance.now()
  await stream.text()
  expect(performance.now() - began).toBeLessThan(5_000)
  expect((await fetch(base, { headers })).status).toBe(401)
  expect((await uketsuke(['keys', 'list', '--store', store])).out).toContain('\trevoked\t')
  expect(server.out + server.err).not.toContain(secret)
})

test.each([
  [[], '"uketsuke keys" needs create, list or revoke. Try "uketsuke keys --help".'],
  [['erase'], '"uketsuke keys" needs create, list or revoke. Try "uketsuke keys --help".'],
  [['create'], '--owner is required. Try "uketsuke keys --help".'],
  [['create', '--owner', 'a', '--expires', 'soon'], '--expires must be like 90d, 12h or an ISO 8601 time, not "soon".'],
  [['create', '--owner', 'a', '--id', 'x'], '"uketsuke keys create" has no option --id. Try "uketsuke keys --help".'],
  [['revoke'], 'The id of the key is required. Try "uketsuke keys --help".'],
])('usage error: keys %o', async (args, sentence) => {
  expect(await uketsuke(['keys', ...args, ...(args.length === 0 ? [] : ['--store', fresh()])])).toEqual({
    code: 2,
    out: '',
    err: `${sentence}\n`,
  })
})

test('an unknown id and an unknown scope are errors', async () => {
  const store = fresh()
  const unknown = await uketsuke(['keys', 'revoke', 'nothing', '--store', store])
  expect(unknown).toEqual({ code: 1, out: '', err: 'There is no API key with the id "nothing".\n' })
  const scope = await uketsuke(['keys', 'create', '--owner', 'a', '--scopes', 'root', '--store', store])
  expect(scope).toMatchObject({ code: 2, out: '', err: expect.stringContaining('scopes must be some of') })
})

test('JSON Web Tokens by environment: all variables or none, and not beside authenticate', async () => {
  const serve = ['serve', '--jobs', openFile, '--port', '0', '--store', fresh()]
  const variables = {
    UKETSUKE_JWT_ISSUER: 'https://issuer.example',
    UKETSUKE_JWT_AUDIENCE: 'jobs',
    UKETSUKE_JWT_ALGORITHMS: 'RS256, ES256',
    UKETSUKE_JWT_JWKS_URL: 'https://issuer.example/keys',
  }
  const { UKETSUKE_JWT_AUDIENCE: _, ...some } = variables
  expect(await uketsuke(serve, some)).toEqual({
    code: 2,
    out: '',
    err: 'JSON Web Tokens also need UKETSUKE_JWT_AUDIENCE.\n',
  })
  const hmac = await uketsuke(serve, { ...variables, UKETSUKE_JWT_ALGORITHMS: 'HS256' })
  expect(hmac).toMatchObject({ code: 2, err: expect.stringContaining('HMAC') })
  const base = await addressOf(new Cli(serve, variables))
  expect((await fetch(base)).status).toBe(401)
})
