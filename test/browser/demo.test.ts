/** End-to-end test of the demo: the server of `npm start` in a separate process, and a real Chromium. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Demo, startDemo } from '../../examples/reports/test/demo.ts'
import { until } from '../until.ts'
import { startBrowser } from './browser.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const alice = { Authorization: 'Bearer demo-alice' }
const bob = { Authorization: 'Bearer demo-bob' }
// A generous timeout for a loaded machine. Nothing here takes this long normally.
const patience = { timeout: 60_000 }
vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000 })

let demo: Demo
let browser: Browser
let context: BrowserContext
let page: Page
/** Every URL that the browser requested. */
let requested: URL[]
let wrong: string[]

beforeAll(async () => {
  ;[demo, browser] = await Promise.all([startDemo({ REPORT_PACE: '0' }), startBrowser()])
})
afterAll(async () => {
  await Promise.all([browser?.close(), demo?.stop()])
})

beforeEach(async () => {
  requested = []
  wrong = []
  context = await browser.newContext()
  context.on('request', (request) => requested.push(new URL(request.url())))
  context.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  context.on('weberror', (error) => wrong.push(String(error.error())))
  page = await context.newPage()
  await page.goto(demo.url)
})
afterEach(async ({ task }) => {
  // Print what helps to debug a failure: the page, the job, and the output of the processes.
  if (task.result?.state === 'fail') {
    const seen = await page.locator('main').textContent()
    console.error(seen, await get(`/api/jobs/${jobId()}`).then((answer) => answer.text()), demo.output())
  }
  await context.close()
  expect(requested.filter(({ origin }) => origin !== demo.url)).toEqual([])
  expect(wrong).toEqual([])
})

const get = async (path: string, headers: Record<string, string> = alice) => fetch(new URL(path, demo.url), { headers })
const jobs = async (headers = alice) => (await (await get('/api/jobs?limit=100', headers)).json()).items
const jobId = (of = page) => new URL(of.url()).hash.slice(1)
const job = async (id: string) => (await get(`/api/jobs/${id}`)).json()

async function order(pace: '0' | '300' | '1000') {
  await page.getByLabel('Pace').selectOption(pace)
  await page.getByRole('button', { name: 'Generate report' }).click()
  await page.waitForURL(/#\w+/)
}
const progress = (of = page) => of.getByRole('progressbar').getAttribute('aria-valuenow').then(Number)
const reaches = (percent: number, of = page) =>
  of.waitForFunction(
    (percent) => Number(document.querySelector('#bar')?.getAttribute('aria-valuenow')) >= percent,
    percent,
    patience,
  )
const shows = (text: string | RegExp, of = page) => of.locator('#ticket').getByText(text).first().waitFor(patience)

describe('the page', () => {
  it('creates one job from a double click, follows it live, and shows the PDF and a valid receipt', async () => {
    const before = (await jobs()).length
    await page.evaluate(() => {
      const seen = new Set<string | null>()
      Object.assign(window, { seen })
      const bar = document.querySelector('#bar')!
      new MutationObserver(() => seen.add(bar.getAttribute('aria-valuenow'))).observe(bar, { attributes: true })
    })
    await page.getByLabel('Pace').selectOption('300')
    await page.getByRole('button', { name: 'Generate report' }).dblclick()
    await page.getByText(/exists already: same idempotency key/).waitFor(patience)
    expect(await jobs()).toHaveLength(before + 1)

    await shows(/Drawing page \d+ of 19/)
    await shows(/about \d+ s left/)
    await shows('attempt 1 of 3')
    await page.getByText('signature valid').waitFor(patience)
    await shows('Done')
    expect(await progress()).toBe(100)
    const seen = await page.evaluate(() => (window as unknown as { seen: Set<string> }).seen.size)
    expect(seen).toBeGreaterThan(8)

    const { output, files, version } = await job(jobId())
    const [file] = files
    const link = page.getByRole('link', { name: 'Open the PDF' })
    expect(await link.getAttribute('href')).toBe(file.url)
    const pdf = await get(file.url)
    expect(pdf.headers.get('content-type')).toBe('application/pdf')
    expect(pdf.headers.get('content-disposition')).toMatch(/^inline; filename="weather-2014-01-01-to-2014-12-31.pdf"/)
    const bytes = Buffer.from(await pdf.arrayBuffer())
    expect(bytes.length).toBe(file.bytes)
    expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')
    expect(bytes.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(output.pages)
    await page.getByRole('button', { name: 'Share it for 15 minutes' }).click()
    const shared = page.getByRole('link', { name: 'This link needs no sign-in' })
    const anybody = await fetch(new URL((await shared.getAttribute('href')) ?? '', demo.url))
    expect([anybody.status, (await anybody.arrayBuffer()).byteLength]).toEqual([200, file.bytes])
    await shows(new RegExp(`job.completed at version ${version}`))
  })

  it('keeps following through a reload, and in a second tab', async () => {
    await order('300')
    await reaches(20)
    const id = jobId()
    await page.reload()
    const second = await context.newPage()
    // The second tab opens without a job id and shows the running job.
    await second.goto(demo.url)
    await Promise.all([reaches(50), reaches(50, second)])
    expect([jobId(), jobId(second)]).toEqual([id, id])
    expect((await job(id)).attempt).toBe(1)
    await Promise.all([shows('Done'), shows('Done', second)])
  })

  it('recovers from a killed worker: the lease expires, and attempt 2 completes', async () => {
    await order('300')
    await reaches(20)
    const id = jobId()
    await page.getByRole('button', { name: 'Kill the worker' }).click()
    await page.getByText(/^Worker \d+ was killed\. The lease of job \w+ expires within 5 seconds/).waitFor(patience)
    await page.getByText(/^The lease expired/).waitFor(patience)
    await shows('attempt 2 of 3')
    await shows('Done')
    await page.getByText('Attempt 1 was lost with its worker. Attempt 2 completed.').waitFor(patience)
    await page.getByText('signature valid').waitFor(patience)
    expect(await job(id)).toMatchObject({ status: 'completed', attempt: 2, progress: 100, output: { pages: 19 } })
    expect(demo.output()).toMatch(/Worker \d+ exited \(SIGKILL\)/)
  })

  it('cancels a job', async () => {
    await order('1000')
    await reaches(5)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.locator('#status', { hasText: 'Cancelled' }).waitFor(patience)
    await page.getByText('signature valid').waitFor(patience)
    await shows(/job.cancelled at version/)
    expect(await job(jobId())).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } })
  })

  it('shows a validation error below its field, and creates a new job for another range', async () => {
    await page.getByLabel('From').fill('2015-06-01')
    await page.getByLabel('To', { exact: true }).fill('2014-06-01')
    await page.getByRole('button', { name: 'Generate report' }).click()
    await page.getByText('To: must not be before startDate.').waitFor(patience)
    wrong = wrong.filter((line) => !line.includes('422'))
    await page.getByLabel('From').fill('2014-05-01')
    await order('0')
    await shows('2014-05-01 to 2014-06-01')
    await shows('Done')
  })

  it.each(['light', 'dark'] as const)('has no axe violations in %s mode', async (colorScheme) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect(await violations()).toEqual([])
    await order('1000')
    await reaches(5)
    expect(await violations()).toEqual([])
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('signature valid').waitFor(patience)
    expect(await violations()).toEqual([])
  })

  it('fits a phone screen', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    await order('0')
    await page.getByText('signature valid').waitFor(patience)
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBeLessThanOrEqual(360)
  })

  it('is usable with the keyboard only', async () => {
    await page.getByLabel('From').focus()
    for (let press = 0; press < 12; press++) {
      if (await page.evaluate(() => document.activeElement?.textContent === 'Generate report')) break
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    await page.waitForURL(/#\w+/)
    await shows(/^(Running|Waiting|Done)$/)
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Generate report')
  })
})

// Evaluates axe through the debugging protocol, because the Content-Security-Policy blocks script elements.
async function violations() {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])
  })
}

describe('other jobs', () => {
  const text = (of = page) => of.locator('#text').textContent()

  it('shows a text while it is written, in two tabs, and begins anew after the worker was killed', async () => {
    await page.getByRole('button', { name: 'Write a text' }).click()
    await shows('A text, word by word')
    await until(async () => (await text())?.startsWith('The weather of Seattle in 2014.'))
    const tab = await context.newPage()
    await tab.goto(page.url())
    await until(async () => ((await text(tab)) ?? '').length > 60)
    const before = (await text()) ?? ''
    await page.getByRole('button', { name: 'Kill the worker' }).click()
    await shows('attempt 2 of 3')
    await until(async () => ((await text()) ?? '').length < before.length, 'attempt 2 begins anew')
    await until(async () => ((await text()) ?? '').length > 60)
    expect(before.slice(0, 60)).toBe(((await text()) ?? '').slice(0, 60))
    expect(((await text(tab)) ?? '').slice(0, 60)).toBe(before.slice(0, 60))
    await page.getByRole('button', { name: 'Cancel' }).click()
    await shows('Cancelled')
    expect(await violations()).toEqual([])
    await tab.close()
  })

  it('kills a thread that ignores its cancellation, within six seconds; other jobs go on meanwhile', async () => {
    await page.getByRole('button', { name: 'Count primes' }).click()
    await shows(/primes so far/)
    const id = jobId()
    const asked = performance.now()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await order('0')
    await shows('Done')
    expect((await job(id)).status).toBe('running')
    const ended = await until(async () => {
      const one = await job(id)
      return one.completedAt === null ? null : one
    })
    expect(ended.status).toBe('cancelled')
    expect(performance.now() - asked).toBeLessThan(6_000 + 500)
  })
})

describe('isolation', () => {
  it("shows bob nothing of alice's jobs", async () => {
    await order('0')
    await shows('Done')
    const id = jobId()
    expect(await jobs(bob)).toEqual([])
    const [absent, ...foreign] = await Promise.all(
      ['01ARZ3NDEKTSV4RRFFQ69G5FAV', id].map(async (one) => {
        const answers = await Promise.all([`/api/jobs/${one}`, `/api/jobs/${one}/stream`].map((path) => get(path, bob)))
        return Promise.all(answers.map(async (answer) => [answer.status, await answer.text()]))
      }),
    )
    expect(absent?.[0]?.[0]).toBe(404)
    expect(foreign).toEqual([absent])
    const [file] = await until(async () => (await job(id)).files)
    const part = await get(file.url, { ...alice, Range: 'bytes=0-4' })
    expect([part.status, await part.text()]).toEqual([206, '%PDF-'])
    expect((await get(file.url, bob)).status).toBe(404)
    expect((await get(file.url, {})).status).toBe(401)
    expect((await get(`/api/demo/receipts/${id}`, bob)).status).toBe(404)
  })

  it('rejects cross-origin requests with the cookie', async () => {
    const [cookie] = await context.cookies()
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' })
    const headers = { Cookie: `${cookie!.name}=${cookie!.value}`, Origin: 'http://127.0.0.1:9' }
    const kill = await fetch(new URL('/api/demo/kill-worker', demo.url), { method: 'POST', headers })
    expect(kill.status).toBe(403)
  })
})
