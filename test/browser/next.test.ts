/** The example of Next.js: built, started, and driven in a real Chromium. */
import { createRequire } from 'node:module'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { build, type Example, folderOf, start } from '../examples/run.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { startBrowser } from './browser.ts'

let example: Example
const next = createRequire(`${folderOf('next')}package.json`).resolve('next/dist/bin/next')

beforeAll(() => build('next'), 240_000)
afterAll(async () => void (await example?.stop()))

it('the button starts a job, the bar follows it, and the page shows its output', async () => {
  example = await start('next', (port) => [next, 'start', '--port', String(port)], tempFile(), /Ready/)
  const browser = await startBrowser()
  atEnd(() => browser.close())
  const page = await browser.newPage()
  const requested: URL[] = []
  page.on('request', (request) => requested.push(new URL(request.url())))
  await page.goto(example.url, { waitUntil: 'networkidle' })
  await page.getByRole('button', { name: 'Generate report' }).click()
  await page.getByText(/Page [23] of 5/).waitFor()
  expect(await page.getByRole('button').isDisabled()).toBe(true)
  await page.getByRole('status').filter({ hasText: '/reports/2015.pdf' }).waitFor()
  expect(await page.getByRole('progressbar').getAttribute('value')).toBe('100')
  const paths = requested.filter(({ pathname }) => pathname.startsWith('/api/jobs')).map(({ pathname }) => pathname)
  expect(paths).toEqual(['/api/jobs', '/api/jobs/events'])
  const { items } = (await (await fetch(`${example.url}/api/jobs?status=completed`)).json()) as { items: object[] }
  expect(items).toHaveLength(1)
  expect((await fetch(`${example.url}/api/jobs/openapi.json`, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(`${example.url}/api/jobs/nothing/here`)).status).toBe(404)
})
