/** The dashboard in a real Chromium: every page, action and key, behind nginx at a base path, under its content security policy. */

import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { listen } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { gate } from '../jobs/setup.ts'
import { startNginx } from '../servers/nginx.ts'
import { until } from '../until.ts'
import { startBrowser } from './browser.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** With this variable, the pictures in the docs are taken again. */
const pictures = process.env.UKETSUKE_SCREENSHOTS
const key = Buffer.alloc(32, 7).toString('base64')

const held = gate()
let receiver: Server
let server: Server
let browser: Browser
let context: BrowserContext
let page: Page
let wrong: string[]
let nginx: Awaited<ReturnType<typeof startNginx>>
let jobs: ReturnType<typeof open>
let dashboardUrl: string

function open(receiverPort: number) {
  return createJobs({
    jobs: {
      'generate-report': job({
        input: z.looseObject({ userId: z.number() }),
        async run({ progress, log, input }) {
          progress(30, 'Rendering page 3 of 10')
          log.info({ page: 3 }, 'page rendered')
          if (input.wait) await held.passed
          return { url: 'https://files.example/report.pdf', pages: 10 }
        },
      }),
      'send-mail': job({
        input: z.looseObject({ to: z.string() }),
        maxAttempts: 1,
        run({ input }) {
          throw new Error(`Mailbox of "${input.to}" is full`)
        },
      }),
    },
    store: sqlite(':memory:'),
    log: silentLog,
    authenticate: () => ({ owner: 'ann' }),
    webhooks: { secret: `whsec_${key}`, allowHosts: [`127.0.0.1:${receiverPort}`], endpoints: true, secretKey: key },
  })
}

const portOf = (of: Server) => (of.address() as AddressInfo).port
const serve = async (handler: Parameters<typeof createServer>[1]) => {
  const made = createServer(handler).listen(0, '127.0.0.1')
  await once(made, 'listening')
  return made
}

beforeAll(async () => {
  receiver = await serve((_, res) => res.end('answer'))
  jobs = open(portOf(receiver))
  const dashboard = jobs.dashboard({ authorize: () => ({ name: 'olga' }), readOnly: false, hide: ['input.to'] })
  server = await serve(listen(dashboard, jobs.log))
  nginx = await startNginx(
    `location /ops/jobs/ { proxy_pass http://127.0.0.1:${portOf(server)}/; proxy_buffering off; }`,
  )
  dashboardUrl = `${nginx.origin}/ops/jobs/`
  browser = await startBrowser()
  await jobs.webhookEndpoints.create({ owner: 'ann', url: `http://127.0.0.1:${portOf(receiver)}/all` })
  for (let n = 0; n < 12; n++) await jobs.enqueue('generate-report', { userId: n }, { owner: n % 2 ? 'ann' : 'bob' })
  for (let n = 0; n < 3; n++) await jobs.enqueue('send-mail', { to: `user${n}@example.com` }, { owner: 'ann' })
  await jobs.work({ concurrency: 5 })
  await until(async () => {
    const { jobs: counts } = await jobs.stats()
    return counts.pending + counts.running === 0
  })
})

afterAll(async () => {
  held.open()
  await browser?.close()
  await jobs?.close()
  await nginx?.stop()
  server?.close()
  server?.closeAllConnections()
  receiver?.close()
})

async function visit(path = '', options: BrowserContextOptions = {}) {
  wrong = []
  context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, locale: 'en-US', ...options })
  // Violations of the policy are errors of the console.
  context.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  context.on('weberror', (error) => wrong.push(String(error.error())))
  context.on('request', (request) => {
    if (!request.url().startsWith(dashboardUrl) && !request.url().startsWith('data:')) wrong.push(request.url())
  })
  page = await context.newPage()
  await page.goto(`${dashboardUrl}#/${path}`)
}

afterEach(async () => {
  await context?.close()
  expect(wrong).toEqual([])
})

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name }).waitFor()
const button = (name: string) => page.getByRole('button', { name, exact: true })
const notice = (text: string | RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor()

const pages = ['Overview', 'Jobs', 'Types', 'Schedules', 'Workers', 'Webhooks', 'Errors', 'Audit log']

async function violations(): Promise<string[]> {
  // Through the debugger, because the policy forbids another script.
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
  })
}

it.each([
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['light on a phone', { colorScheme: 'light', viewport: { width: 390, height: 800 } }],
] as const)('shows every page without an accessibility violation: %s', async (name, options) => {
  await visit('', options)
  for (const title of pages) {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: title, exact: true }).click()
    await heading(title)
    await page.getByText('Loading…').waitFor({ state: 'detached' })
    expect([title, await violations()]).toEqual([title, []])
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    expect([title, wide]).toEqual([title, false])
    if (name === 'light') await picture(title.toLowerCase().replace(' ', '-'))
    if (name === 'dark' && title === 'Overview') await picture('dark')
  }
  const { items } = await jobs.list({ owner: allOwners, status: 'failed' })
  await page.goto(`${dashboardUrl}#/jobs/${items[0]?.jobId}`)
  await page.getByText('What was thrown').waitFor()
  expect(await violations()).toEqual([])
  if (name === 'light on a phone') await picture('phone')
  if (name === 'light') await picture('job')
})

async function picture(name: string) {
  if (!pictures) return
  const folder = fileURLToPath(new URL('../../docs/pictures', import.meta.url))
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}/dashboard-${name}.png` })
}

it('finds jobs with suggestions, and keeps every filter in the URL', async () => {
  await visit('jobs')
  const box = page.getByRole('combobox')
  await box.click()
  await box.pressSequentially('status:f')
  await page.getByRole('option', { name: 'status:failed' }).waitFor()
  await box.press('ArrowDown')
  await box.press('Enter')
  await box.press('Enter')
  await page.waitForURL(/#\/jobs\?status=failed$/)
  await expect.poll(() => page.locator('tbody tr').count()).toBe(3)
  await box.fill('input.userId:7 owner:ann')
  await box.press('Enter')
  await page.waitForURL(/input.userId=7/)
  await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
  await page.reload()
  await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
  expect(await box.inputValue()).toBe('input.userId:7 owner:ann')
  await page.getByRole('link', { name: /Newest first/ }).click()
  await page.waitForURL(/sort=oldest/)
  await page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: 'Failed' }).click()
  await page.getByText('No jobs match.').waitFor()
  await page.goBack()
  await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
})

it('says what is wrong with a filter', async () => {
  await visit('jobs?colour=red')
  await page.getByRole('alert').filter({ hasText: 'there is no filter "colour"' }).waitFor()
  await page.getByRole('combobox').waitFor()
  // The refused request.
  wrong = wrong.filter((line) => !line.includes('400'))
})

it('follows a job while it runs: progress, log and lease, without a reload', async () => {
  const { jobId } = await jobs.enqueue('generate-report', { userId: 1, wait: true }, { owner: 'ann' })
  await visit(`jobs/${jobId}`)
  await page.getByText('Rendering page 3 of 10').waitFor()
  await page.getByText('page rendered').waitFor()
  await page.getByText(/Lease ends in/).waitFor()
  expect(await button('Retry').isDisabled()).toBe(true)
  expect(await button('Delete').isDisabled()).toBe(true)
  await picture('running-job')
  held.open()
  await page.getByText('"https://files.example/report.pdf"').waitFor()
  await notice('The job is now Completed.')
  expect(await button('Cancel').isDisabled()).toBe(true)
  const delivery = page.getByRole('row', { name: /127\.0\.0\.1.*Completed/ })
  await delivery.getByRole('button', { name: 'Redeliver' }).click()
  await expect.poll(() => delivery.count()).toBe(2)
})

it('cancels, retries and deletes a job, and copies it as curl', async () => {
  const { jobId } = await jobs.enqueue('generate-report', { userId: 1 }, { delay: 3_600_000 })
  await visit(`jobs/${jobId}`, { permissions: ['clipboard-read', 'clipboard-write'] })
  await button('Cancel').click()
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click()
  await page.getByText('Cancelled').first().waitFor()
  await button('Copy as curl').click()
  await notice('Copied.')
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(`/api/jobs/${jobId}?include=input'`)
  await button('Retry').click()
  await page.waitForURL((url) => /jobs\/\w{26}$/.test(url.hash) && !url.hash.includes(jobId))
  await page.goto(`${dashboardUrl}#/jobs/${jobId}`)
  await button('Delete').click()
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click()
  await page.waitForURL(/#\/jobs$/)
  expect(await jobs.get(jobId, { owner: allOwners })).toBe(null)
  await page.goto(`${dashboardUrl}#/audit`)
  await page
    .getByRole('row', { name: /olga delete/ })
    .first()
    .waitFor()
})

it('acts on all jobs of a filter after a confirmation with their number', async () => {
  await visit('jobs?status=failed&type=send-mail')
  await button('Delete all').click()
  await page.getByText('3 jobs match this filter', { exact: false }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await button('Retry all').click()
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click()
  await notice('Finished: 3 done, 0 skipped.')
  await expect.poll(() => page.locator('tbody tr').count()).toBe(6)
})

it('pauses a type, quiets a worker, disables an endpoint and recovers its webhooks', async () => {
  await visit('types')
  const type = page.getByRole('row', { name: /send-mail/ })
  await type.getByRole('button', { name: 'Pause' }).click()
  await type.getByText('Paused').waitFor()
  await type.getByRole('button', { name: 'Resume' }).click()
  await type.getByText('Paused').waitFor({ state: 'detached' })
  await page.keyboard.press('5')
  await heading('Workers')
  await button('Quiet').click()
  await button('Resume').click()
  await page.keyboard.press('6')
  await heading('Webhooks')
  await button('Disable').click()
  await page.getByText('Disabled (owner)').waitFor()
  await button('Enable').click()
  await page.getByText('Enabled').waitFor()
  await button('Recover').click()
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm' }).click()
  await notice(/webhooks are sent again/)
})

it('shows what users send as text, however long or odd it is', async () => {
  const owner = `<img src=x onerror="document.title='hacked'">`
  let deep: unknown = 'bottom'
  for (let level = 0; level < 60; level++) deep = [deep]
  const input = {
    userId: 1,
    html: '</script><script>alert(1)</script>',
    long: 'x'.repeat(500_000),
    list: Array.from({ length: 1_000 }, (_, i) => i),
    deep,
    '名前 "quoted"': '花子 \u202e\u0000',
  }
  const { jobId } = await jobs.enqueue('generate-report', input, { owner, delay: 3_600_000, metadata: { note: owner } })
  await visit(`jobs/${jobId}`)
  await page.getByText('</script><script>alert(1)</script>').waitFor()
  await page.getByText('… 800').waitFor()
  await page.getByRole('link', { name: owner }).click()
  await heading('Jobs')
  await expect.poll(() => page.locator('tbody tr').count()).toBe(1)
  expect(await page.getByRole('combobox').inputValue()).toContain('owner:"<img src=x')
  expect(await page.title()).toContain('Jobs')
  expect(await page.locator('img').count()).toBe(0)
  await page.goto(`${dashboardUrl}#/%E0%A4%A`)
  await page.getByText('There is no such page.').waitFor()
})

it('is driven by the keyboard: / j k Enter ? 1…7 and Ctrl+K', async () => {
  await visit('overview')
  await heading('Overview')
  await page.keyboard.press('/')
  await heading('Jobs')
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('search')
  await page.keyboard.press('Escape')
  await page.locator('tbody tr').first().waitFor()
  await page.locator('h1').focus()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  const first = await page.locator('tbody tr a').first().textContent()
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(first)
  await page.keyboard.press('Enter')
  await heading(new RegExp(`Job ${first}`))
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('3')
  await heading('Types')
  await page.keyboard.press('Control+k')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.type(first ?? '')
  await page.keyboard.press('Enter')
  await heading(new RegExp(`Job ${first}`))
})

it('speaks Japanese, and remembers the language and the theme', async () => {
  await visit('overview', { locale: 'ja-JP' })
  await heading('概要')
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('ja')
  await page.getByRole('button', { name: 'Show in English' }).click()
  await heading('Overview')
  await page.getByRole('button', { name: 'Light or dark' }).click()
  await page.reload()
  await heading('Overview')
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
})

it('reads nothing while the tab is hidden', async () => {
  await visit('overview')
  await heading('Overview')
  await page.getByText('Loading…').waitFor({ state: 'detached' })
  let asked = 0
  page.on('request', () => {
    asked++
  })
  const closed = page.waitForEvent('requestfailed')
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await closed
  const before = asked
  await jobs.enqueue('generate-report', { userId: 1 })
  await page.waitForTimeout(2_000)
  expect(asked).toBe(before)
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: false, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await expect.poll(() => asked).toBe(before + 1)
  // The stream that the page closed.
  wrong = wrong.filter((line) => !line.includes('ERR_ABORTED'))
})
