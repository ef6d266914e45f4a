import { writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { Cli, endAll, fresh, jobsFile, openFile, uketsuke } from './run.ts'

afterEach(endAll)

const addressOf = async (cli: Cli) => new URL((await cli.says(/^address\s+(http\S+)$/m))[1]!)
const dashboardOf = async (cli: Cli) => (await cli.says(/^dashboard\s+(http\S+)$/m))[1]!
const basic = (password: string) => ({ authorization: `Basic ${btoa(`olga:${password}`)}` })

test('a flag comes before the environment, the environment before the file, and the file before the default', async () => {
  const config = fresh('config.json')
  writeFileSync(config, JSON.stringify({ jobs: jobsFile, store: fresh(), port: 0, host: '127.0.0.2', concurrency: 3 }))
  const fromFile = new Cli(['serve', '--config', config])
  expect((await addressOf(fromFile)).hostname).toBe('127.0.0.2')
  const fromEnvironment = new Cli(['serve', '--config', config], { UKETSUKE_HOST: '127.0.0.3' })
  expect((await addressOf(fromEnvironment)).hostname).toBe('127.0.0.3')
  const fromFlag = new Cli(['serve', '--config', config, '--host', '127.0.0.4'], { UKETSUKE_HOST: '127.0.0.3' })
  expect((await addressOf(fromFlag)).hostname).toBe('127.0.0.4')
})

test('all problems of a configuration are listed at once', async () => {
  const args = [
    'serve',
    '--role',
    'boss',
    '--port',
    'x',
    '--concurrency',
    '0',
    '--dashboard',
    'maybe',
    '--jobs',
    'absent.js',
  ]
  const { code, err } = await uketsuke(args)
  expect(code).toBe(2)
  const lines = err.trimEnd().split('\n')
  expect(lines).toHaveLength(5)
  for (const name of ['--role', '--port', '--concurrency', '--dashboard', 'absent.js']) expect(err).toContain(name)
})

test.each([
  [
    'another option',
    '{"colour":"red","port":true}',
    'no option "colour".\n--config: port must be a string or a number.',
  ],
  ['no object', '[]', 'must be a JSON object'],
  ['no JSON', '{', 'cannot be read'],
])('a configuration file with %s is refused', async (_, text, sentence) => {
  const config = fresh('config.json')
  writeFileSync(config, text)
  const { code, err } = await uketsuke(['serve', '--config', config])
  expect([code, err]).toEqual([2, expect.stringContaining(sentence)])
})

test('a variable for a switch is true or false', async () => {
  const { code, err } = await uketsuke(['serve', '--jobs', jobsFile], { UKETSUKE_API_KEYS: 'yes' })
  expect([code, err]).toEqual([2, 'UKETSUKE_API_KEYS must be true or false, not "yes".\n'])
})

test('the dashboard is served on loopback, read-only, to loopback host names only', async () => {
  const serve = ['serve', '--jobs', openFile, '--allow-anonymous', '--store', fresh(), '--port', '0']
  const cli = new Cli([...serve, '--dashboard', 'read'])
  const url = await dashboardOf(cli)
  expect(await (await fetch(url)).text()).toContain('<div id="app">')
  expect(await (await fetch(`${url}dashboard-api/session`)).json()).toMatchObject({ readOnly: true })
  expect(
    (
      await fetch(`${url}dashboard-api/types/x/pause`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' },
        body: '{}',
      })
    ).status,
  ).toBe(403)
})

test('the dashboard asks for its password', async () => {
  const args = ['serve', '--jobs', jobsFile, '--store', fresh(), '--port', '0', '--dashboard', 'write']
  const cli = new Cli(args, { UKETSUKE_DASHBOARD_PASSWORD: 'correct horse battery' })
  const url = await dashboardOf(cli)
  for (const headers of [{}, basic('wrong'), { authorization: 'Basic !' }, { authorization: 'Bearer correct' }]) {
    const refused = await fetch(url, { headers })
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic')])
  }
  const headers = basic('correct horse battery')
  expect(await (await fetch(`${url}dashboard-api/session`, { headers })).json()).toMatchObject({ readOnly: false })
  const pause = await fetch(`${url}dashboard-api/types/held/pause`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json', 'Uketsuke-Dashboard': '1' },
    body: '{}',
  })
  expect(pause.status).toBe(200)
  const { items } = (await (await fetch(`${url}dashboard-api/audit`, { headers })).json()) as { items: object[] }
  expect(items).toMatchObject([{ actor: 'olga', action: 'pause-type', target: 'held' }])
})

test.each([
  [{}, ['--host', '0.0.0.0'], 'requires UKETSUKE_DASHBOARD_PASSWORD'],
  [{ UKETSUKE_DASHBOARD_PASSWORD: 'short' }, [], 'at least 12 characters'],
])('the dashboard does not start without a good password: %s %s', async (env, args, sentence) => {
  const { code, err } = await uketsuke(['serve', '--jobs', jobsFile, '--dashboard', 'read', ...args], env)
  expect([code, err]).toEqual([2, expect.stringContaining(sentence)])
})

test('prune and bench say what they did, also as JSON', async () => {
  const pruned = await uketsuke(['prune', '--store', fresh(), '--json'])
  expect([pruned.code, JSON.parse(pruned.out)]).toEqual([0, { deleted: 0 }])
  const bench = await uketsuke(['bench', '--count', '600', '--json'])
  expect([bench.code, JSON.parse(bench.out)]).toEqual([
    0,
    {
      store: expect.stringContaining('SQLite'),
      jobs: 600,
      acceptedPerSecond: expect.any(Number),
      ranPerSecond: expect.any(Number),
    },
  ])
  expect((await uketsuke(['bench', '--count', '600'])).out).toMatch(/^ran +\d+ jobs per second/m)
})

test('doctor, migrate and keys print JSON', async () => {
  const store = ['--store', fresh(), '--json']
  const parsed = async (...args: string[]) => {
    const { code, out, err } = await uketsuke([...args, ...store])
    expect([code, err]).toEqual([0, ''])
    return JSON.parse(out)
  }
  expect(await parsed('migrate')).toEqual({ engine: expect.stringContaining('SQLite'), durability: expect.any(String) })
  expect(await parsed('doctor')).toContainEqual({ level: 'ok', message: expect.stringContaining('Node.js') })
  const { id, key } = await parsed('keys', 'create', '--owner', 'acme')
  expect(key).toMatch(/^uk_/)
  expect(await parsed('keys', 'list')).toMatchObject([{ id, owner: 'acme' }])
})

test.each(['serve', 'work', 'migrate', 'doctor', 'keys', 'jobs', 'top', 'prune', 'bench'])(
  'the help of %s has an example',
  async (command) => {
    const { code, out } = await uketsuke([command, '--help'])
    expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`Examples:\\n.*uketsuke ${command}`, 's'))])
  },
)
