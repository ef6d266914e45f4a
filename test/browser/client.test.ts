/** The client and the React hook in a real Chromium, against a server in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../servers/machine.ts'
import { startNginx } from '../servers/nginx.ts'
import { until } from '../until.ts'
import { startBrowser } from './browser.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const client = (path: string) => fileURLToPath(new URL(`../../packages/client/src/${path}`, import.meta.url))

let browser: Browser
let folder: string
let port: number
let server: ChildProcess
let context: BrowserContext
let page: Page

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uketsuke-client-'))
  const alias = { '@uketsuke/client': client('index.ts') }
  const transform = { define: { 'process.env.NODE_ENV': '"development"' } }
  const bundle = await rolldown({
    input: join(here, 'client-page.ts'),
    platform: 'browser',
    resolve: { alias },
    transform,
  })
  await bundle.write({ file: join(folder, 'page.js'), format: 'esm' })
  port = await freePort()
  ;[browser] = await Promise.all([startBrowser(), startServer()])
})
afterAll(async () => {
  await browser?.close()
  await stopServer('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  context = await browser.newContext()
  page = await open()
})
afterEach(() => context.close())

async function startServer() {
  const settings = JSON.stringify({ port, folder, script: join(folder, 'page.js') })
  server = spawn(process.execPath, [join(here, 'client-server.mjs'), settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout!, 'data')
}

async function stopServer(signal: 'SIGTERM' | 'SIGKILL') {
  const ended = once(server, 'exit')
  server.kill(signal)
  await ended
}

const origin = () => `http://127.0.0.1:${port}`
async function open(at = origin()): Promise<Page> {
  const opened = await context.newPage()
  await opened.goto(at)
  await opened.waitForFunction(() => 'mount' in window)
  return opened
}

type Counts = Record<'streams' | 'open' | 'polls' | 'created', number>
const counts = async () => (await (await fetch(`${origin()}/counts`)).json()) as Counts
/** What a job does next: its progress in percent, or `done`. */
const tell = (jobId: string, what: string) => writeFileSync(join(folder, jobId), what)
const mount = (names: string[], of = page) =>
  of.evaluate((names) => window.mount(names.map((name) => ({ name }))), names)
const shows = (name: string, text: string, of = page) =>
  of.locator(`#${name} output`).filter({ hasText: text }).waitFor()

/** Starts the job of a section by its button. */
async function start(name: string, of = page): Promise<string> {
  await of.locator(`#${name} button`).first().click()
  await of.locator(`#${name}[data-job]`).waitFor()
  return (await of.locator(`#${name}`).getAttribute('data-job')) as string
}

describe('a page', () => {
  it('follows ten jobs on one connection over HTTP/1.1, and no other request waits', async () => {
    const before = await counts()
    const names = Array.from({ length: 10 }, (_, i) => `job${i}`)
    await mount(names)
    const ids: string[] = []
    for (const name of names) ids.push(await start(name))
    for (const [i, name] of names.entries()) await shows(name, `running 0`).then(() => tell(ids[i]!, String(i + 1)))
    for (const [i, name] of names.entries()) await shows(name, `running ${i + 1}`)
    expect((await counts()).open).toBe(1)
    const waited = await page.evaluate(async () => {
      const start = performance.now()
      await Promise.all(Array.from({ length: 5 }, () => fetch('/counts')))
      return performance.now() - start
    })
    expect(waited).toBeLessThan(2_000)
    for (const id of ids) tell(id, 'done')
    for (const name of names) await shows(name, `${name} in attempt 1`)
    await until(async () => (await counts()).open === 0)
    const after = await counts()
    expect([after.created - before.created, after.polls - before.polls]).toEqual([10, 0])
  })

  it('reaches the right end without a reload when the server is killed and restarted in mid-job', async () => {
    await mount(['cut'])
    const jobId = await start('cut')
    tell(jobId, '30')
    await shows('cut', 'running 30')
    await stopServer('SIGKILL')
    await startServer()
    tell(jobId, '60')
    await shows('cut', 'running 60')
    tell(jobId, 'done')
    await shows('cut', 'cut in attempt 2')
  })

  it('falls back to polling within 5 s behind a proxy that buffers', async () => {
    const nginx = await startNginx(
      `location / { proxy_pass ${origin()}; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_types *; }`,
    )
    try {
      page = await open(nginx.origin)
      await mount(['proxied'])
      const jobId = await start('proxied')
      const began = performance.now()
      tell(jobId, '40')
      await shows('proxied', 'running 40')
      expect(performance.now() - began).toBeLessThan(5_000)
      tell(jobId, 'done')
      await shows('proxied', 'proxied in attempt 1')
    } finally {
      await page.close()
      await nginx.stop()
    }
  })

  it('knows the end after it was frozen, like a tab of a sleeping laptop', async () => {
    await mount(['sleeper'])
    const jobId = await start('sleeper')
    tell(jobId, '20')
    await shows('sleeper', 'running 20')
    const session = await context.newCDPSession(page)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    // The connection dies while the tab sleeps.
    await stopServer('SIGKILL')
    await startServer()
    tell(jobId, 'done')
    await until(async () => {
      const response = await fetch(`${origin()}/api/jobs/${jobId}`, { headers: { cookie: 'user=ann' } })
      return ((await response.json()) as { status: string }).status === 'completed'
    })
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await shows('sleeper', 'sleeper in attempt 2')
  })

  it('shares one stream with the other tabs, and takes over when the leading tab closes', async () => {
    const second = await open()
    await mount(['first'])
    await mount(['second'], second)
    const [a, b] = [await start('first'), await start('second', second)]
    tell(a, '10')
    tell(b, '20')
    await shows('first', 'running 10')
    await shows('second', 'running 20', second)
    expect((await counts()).open).toBe(1)
    const third = await open()
    await third.evaluate((jobId) => window.mount([{ name: 'third', jobId }]), b)
    await shows('third', 'running 20', third)
    await page.close()
    tell(b, '30')
    await shows('second', 'running 30', second)
    await shows('third', 'running 30', third)
    await until(async () => (await counts()).open === 1)
    tell(b, 'done')
    await shows('second', 'second in attempt 1', second)
    await shows('third', 'second in attempt 1', third)
    tell(a, 'done')
  })
})

describe('useJob', () => {
  it('creates one job from a double click', async () => {
    const before = await counts()
    await mount(['once'])
    await page.locator('#once button').first().dblclick()
    await shows('once', 'running 0')
    expect((await counts()).created - before.created).toBe(1)
    tell((await page.locator('#once').getAttribute('data-job')) as string, 'done')
    await shows('once', 'once in attempt 1')
  })

  it('cancels nothing when it is unmounted, and takes the job up again by its id', async () => {
    await mount(['kept'])
    const jobId = await start('kept')
    await shows('kept', 'running 0')
    await page.locator('#toggle').click()
    await until(async () => (await counts()).open === 0)
    await page.evaluate((jobId) => window.mount([{ name: 'kept', jobId }]), jobId)
    await page.locator('#toggle').click()
    await shows('kept', 'running 0')
    tell(jobId, 'done')
    await shows('kept', 'kept in attempt 1')
  })

  it('cancels by its button, and shows why the job ended', async () => {
    await mount(['stopped'])
    await start('stopped')
    await shows('stopped', 'running 0')
    await page.locator('#stopped button').nth(1).click()
    await shows('stopped', 'cancelled')
    expect(await page.locator('#stopped').getAttribute('data-pending')).toBe('false')
  })
})

it('the EventSource of a browser follows many jobs to their end, and then stops', async () => {
  const ids = await page.evaluate(async () => {
    const handles = await Promise.all(['x', 'y'].map((name) => window.client.enqueue('held', { name })))
    return handles.map(({ jobId }) => jobId)
  })
  const before = await counts()
  const followed = page.evaluate(
    (ids) =>
      new Promise<string[]>((resolve) => {
        const seen: string[] = []
        const source = new EventSource(`/api/jobs/events?jobs=${ids.join(',')}`)
        source.onmessage = ({ data }) => seen.push(JSON.parse(data).type)
        source.onerror = () => source.readyState === EventSource.CLOSED && resolve(seen)
      }),
    ids,
  )
  await until(async () => (await counts()).open === 1)
  for (const id of ids) tell(id, 'done')
  expect((await followed).filter((type) => type === 'job.completed')).toHaveLength(2)
  // The second request got 204.
  expect((await counts()).streams - before.streams).toBe(2)
})
