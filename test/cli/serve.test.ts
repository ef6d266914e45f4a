import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { startPostgres } from '../servers/postgres.ts'
import { RedisServer } from '../servers/redis.ts'
import { until } from '../until.ts'
import { Cli, endAll, fresh, jobsFile, openFile, uketsuke } from './run.ts'

afterEach(endAll)

const ann = { authorization: 'Bearer ann', 'content-type': 'application/json' }
const post = (base: string, body: object, headers: Record<string, string> = ann) =>
  fetch(base, { method: 'POST', headers, body: JSON.stringify(body) })
const addressOf = async (cli: Cli) => (await cli.says(/^address\s+(http\S+)$/m))[1]!
const oneSentence = /^[^\n]{10,}\n$/

test('a second signal ends a process that waits for its jobs, and not the echo of the first', async () => {
  const store = fresh()
  const worker = new Cli(['work', '--jobs', jobsFile, '--store', store])
  await worker.says(/^worker\s+(\S+)$/m)
  const jobs = createJobs({
    jobs: { held: job({ input: z.any(), run: () => null }) },
    store: sqlite(store),
    log: silentLog,
  })
  const { jobId } = await jobs.enqueue('held', { until: fresh('never') })
  for await (const { status } of jobs.watch(jobId, { owner: allOwners })) if (status === 'running') break
  worker.child.kill('SIGTERM')
  worker.child.kill('SIGTERM')
  let ended: number | null | undefined
  void worker.ended.then((code) => {
    ended = code
  })
  const began = performance.now()
  await until(() => {
    if (performance.now() - began > 1_500) worker.child.kill('SIGTERM')
    return ended !== undefined
  })
  expect([ended, worker.err]).toEqual([1, expect.stringContaining('Forced to exit')])
  expect(performance.now() - began).toBeGreaterThan(1_000)
  await jobs.close()
})

test('the management port answers probes and scrapes, also on a process that only works', async () => {
  const args = ['serve', '--jobs', jobsFile, '--role', 'worker', '--store', fresh(), '--management-port', '0']
  const worker = new Cli(args)
  const [, url] = await worker.says(/^management +(\S+)\/livez, \/readyz and \/metrics$/m)
  const get = async (path: string) => {
    const response = await fetch(`${url}${path}`)
    return [response.status, await response.text()] as const
  }
  expect(await get('/livez')).toEqual([200, 'ok\n'])
  expect(await get('/readyz')).toEqual([200, expect.stringContaining('"ready":true')])
  expect(await get('/metrics')).toEqual([200, expect.stringContaining('# TYPE uketsuke_jobs gauge')])
  expect((await get('/api/jobs'))[0]).toBe(404)
  worker.child.kill('SIGTERM')
  expect(await worker.ended).toBe(0)
  expect(worker.err).toBe('')
})

test('--mcp offers the types that are tools, beside the API', async () => {
  const cli = new Cli(['serve', '--jobs', jobsFile, '--port', '0', '--store', fresh(), '--mcp'])
  const [, url = ''] = await cli.says(/^mcp\s+(http\S+\/mcp)$/m)
  const call = async (method: string, params: object, headers = ann) =>
    fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
  const { result } = await (await call('tools/list', {})).json()
  expect(result.tools.map(({ name }: { name: string }) => name)).toEqual(['shout', 'job_status', 'job_cancel'])
  const called = await (await call('tools/call', { name: 'shout', arguments: { text: 'hey' } })).json()
  expect(called.result.content).toEqual([{ type: 'text', text: 'HEY' }])
  expect((await call('tools/list', {}, { ...ann, authorization: '' })).status).toBe(401)
  expect((await fetch(await addressOf(cli), { headers: ann })).status).toBe(200)
})

test('an API and a worker share a file; SIGTERM ends streams before the process exits', async () => {
  const store = fresh()
  const until = fresh('now')
  const api = new Cli(['serve', '--jobs', jobsFile, '--role', 'api', '--port', '0', '--store', store])
  const base = await addressOf(api)
  expect(api.out).toMatch(/^store {5}SQLite [\d.]+, WAL, synchronous=FULL: an accepted job survives/m)
  expect(api.out).toMatch(/^worker {4}none/m)
  const worker = new Cli(['serve', '--jobs', jobsFile, '--role', 'worker', '--store', store, '--concurrency', '2'])
  expect((await worker.says(/^worker\s+(\S+)$/m))[1]).toContain(String(worker.child.pid))
  expect(worker.out).toMatch(/^address {3}none/m)

  expect((await fetch(base)).status).toBe(401)
  const done = await post(base, { type: 'echo', input: 7 }, { ...ann, prefer: 'wait=20' })
  expect(await done.json()).toMatchObject({ status: 'completed', output: { input: 7 } })

  const held = await (await post(base, { type: 'held', input: { until } })).json()
  const stream = await fetch(new URL(held.streamUrl, base), { headers: ann })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let events = (await reader.read()).value ?? ''
  api.child.kill('SIGTERM')
  for (let part = await reader.read(); !part.done; part = await reader.read()) events += part.value
  // The stream ends with a jittered reconnection time.
  expect(events).toMatch(/\nretry: \d+\n\n$/)
  expect(await api.ended).toBe(0)
  await expect(fetch(base)).rejects.toThrow()

  writeFileSync(until, '')
  worker.child.kill('SIGTERM')
  expect(await worker.ended).toBe(0)
  expect(worker.err + api.err).toBe('')
})

test('without authenticate: only with --allow-anonymous, and only on a loopback address', async () => {
  const serve = ['serve', '--jobs', openFile, '--port', '0', '--store', fresh()]
  const refused = await uketsuke(serve)
  expect(refused).toMatchObject({ code: 2, out: '', err: expect.stringMatching(oneSentence) })
  expect(refused.err).toContain('--allow-anonymous')
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com', '127.0.0.1.example.com']) {
    const exposed = await uketsuke([...serve, '--allow-anonymous', '--host', host])
    expect(exposed, host).toMatchObject({ code: 2, out: '', err: expect.stringContaining('loopback') })
  }
  const cli = new Cli([...serve, '--allow-anonymous'])
  const base = await addressOf(cli)
  const said = await post(base, { type: 'echo', input: 1 }, { 'content-type': 'application/json', prefer: 'wait=20' })
  expect(await said.json()).toMatchObject({ status: 'completed' })
  // DNS rebinding: another site's name resolves to this address.
  const { hostname, port } = new URL(base)
  expect(await statusFor(hostname, port, 'evil.example')).toBe(421)
  expect(await statusFor(hostname, port, `localhost:${port}`)).toBe(200)
  // A worker serves no requests, so it needs no authenticate.
  const worker = new Cli(['serve', '--jobs', openFile, '--role', 'worker', '--store', fresh()])
  await worker.says(/^worker/m)
})

describe('invalid usage prints one line and sets the exit code', () => {
  const script = (text: string) => {
    const file = fresh('jobs.mjs')
    writeFileSync(file, text)
    return file
  }
  test.each<[string, () => string[], number, RegExp]>([
    ['no --jobs', () => [], 2, /--jobs/],
    ['an unknown option', () => ['--jbos', 'a.js'], 2, /Unknown option '--jbos'/],
    ['a positional argument', () => ['a.js'], 2, /Unexpected argument 'a.js'/],
    ['an invalid role', () => ['--jobs', jobsFile, '--role', 'boss'], 2, /--role must be one of all, api, worker/],
    ['an invalid port', () => ['--jobs', jobsFile, '--port', '70000'], 2, /--port must be an integer from 0 to 65535/],
    ['an invalid concurrency', () => ['--jobs', jobsFile, '--concurrency', '0'], 2, /--concurrency must be/],
    ['a missing file', () => ['--jobs', '/nowhere/jobs.js'], 2, /File "\/nowhere\/jobs.js" does not exist/],
    ['a module that throws', () => ['--jobs', script('throw new Error("no luck")')], 2, /failed to load: no luck/],
    ['a module without jobs', () => ['--jobs', script('export default {}')], 2, /must default-export defineJobs/],
    [
      'an invalid job type name',
      () => ['--jobs', script('export default { jobs: { "a b": {} }, authenticate() {} }')],
      2,
      /"a b"/,
    ],
    ['an invalid store', () => ['--jobs', jobsFile, '--store', '/'], 2, /is a directory/],
  ])('%s', async (_, args, code, sentence) => {
    const said = await uketsuke(['serve', ...args()])
    expect(said).toMatchObject({ code, out: '', err: expect.stringMatching(oneSentence) })
    expect(said.err).toMatch(sentence)
  })

  test('an unknown database scheme; the message does not contain the password', async () => {
    const said = await uketsuke(['serve', '--jobs', jobsFile], { DATABASE_URL: 'mysql://root:hunter2@db/x' })
    const sentence = 'Environment variable DATABASE_URL: A store URL must be postgres://…, sqlite:path or file:path'
    expect(said).toEqual({ code: 2, out: '', err: `${sentence}, not mysql://….\n` })
  })

  test('a port in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const said = await uketsuke(['serve', '--jobs', jobsFile, '--store', fresh(), '--port', `${port}`])
    expect(said).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^Port \d+ on 127\.0\.0\.1 is already in use: [^\n]+\n$/),
    })
    await new Promise((resolve) => other.close(resolve))
  })
})

test('a TypeScript module loads where Node.js supports it; otherwise the message says what to do', async () => {
  const file = fresh('jobs.ts')
  writeFileSync(
    file,
    `const port: number = 0\nexport { default } from ${JSON.stringify(pathToFileURL(jobsFile).href)}\n`,
  )
  const serve = ['serve', '--jobs', file, '--port', '0', '--store', fresh()]
  if ('typescript' in process.features) {
    const cli = new Cli(serve)
    await addressOf(cli)
  } else {
    const said = await uketsuke(serve)
    expect(said).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/^Node\.js 20\.\S+ cannot load TypeScript: use 22\.18/),
    })
  }
})

test('on PostgreSQL with Redis: both are shown, and SIGTERM leaves no connection open', async () => {
  const [database, redis] = [await startPostgres(), await RedisServer.start()]
  try {
    const env = { DATABASE_URL: database.url(), REDIS_URL: redis.url }
    const args = ['serve', '--jobs', jobsFile, '--port', '0', '--schema', 'reports']
    const [api, worker] = [new Cli([...args, '--role', 'api'], env), new Cli([...args, '--role', 'worker'], env)]
    const base = await addressOf(api)
    await worker.says(/^worker/m)
    expect(api.out).toMatch(/^store {5}PostgreSQL [\d.]+/m)
    expect(api.out).toMatch(/^dispatch {2}Redis Streams at redis:\/\/127/m)
    const done = await post(base, { type: 'echo', input: 7 }, { ...ann, prefer: 'wait=20' })
    expect(await done.json()).toMatchObject({ status: 'completed' })
    for (const cli of [api, worker]) {
      cli.child.kill('SIGTERM')
      expect(await cli.ended).toBe(0)
    }
    const { rows } = await database.query("SELECT FROM pg_stat_activity WHERE application_name LIKE 'uketsuke%'")
    expect(rows).toEqual([])
  } finally {
    await redis.stop()
    await database.stop()
  }
})

test('help and version', async () => {
  expect(await uketsuke([])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('serve') })
  expect(await uketsuke(['sevre'])).toMatchObject({ code: 2, err: expect.stringMatching(oneSentence) })
  expect(await uketsuke(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  for (const command of ['serve', 'migrate', 'doctor']) {
    const help = await uketsuke([command, '--help'])
    expect(help).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(new RegExp(`^Usage: uketsuke ${command} `)),
    })
    expect((await uketsuke(['help', command])).out).toBe(help.out)
  }
})

/** `fetch` cannot set the Host header. */
async function statusFor(hostname: string, port: string, host: string): Promise<number> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, path: '/api/jobs', headers: { host } }, (res) => {
      res.resume()
      resolve(res.statusCode ?? 0)
    })
    req.on('error', reject).end()
  })
}
