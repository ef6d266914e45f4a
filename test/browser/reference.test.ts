/** The API reference in a real Chromium, under its content security policy. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { nodeListener } from '../../packages/uketsuke/src/http/adapters/node.ts'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { startNginx } from '../servers/nginx.ts'
import { startBrowser } from './browser.ts'

async function served() {
  const report = job({
    input: z.object({ year: z.int() }),
    output: z.object({ url: z.string() }),
    run: ({ input }) => ({ url: `/${input.year}.pdf` }),
  })
  const jobs = createJobs({
    jobs: { report },
    store: sqlite(':memory:'),
    log: silentLog,
    authenticate: ({ headers }) => (headers.get('authorization') === 'Bearer secret' ? { owner: 'ann' } : null),
  })
  const server = createServer(nodeListener(jobs)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = await startBrowser()
  atEnd(async () => {
    await browser.close()
    await jobs.close()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const page = await browser.newPage()
  const wrong: string[] = []
  const foreign: string[] = []
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  page.on('pageerror', (error) => wrong.push(String(error)))
  page.on('request', (request) => /^https?:\/\/127\.0\.0\.1:/.test(request.url()) || foreign.push(request.url()))
  return { origin, page, wrong, foreign }
}

async function signIn(page: Page, token: string) {
  await page.getByLabel('Bearer token or API key').fill(token)
  await page.getByRole('button', { name: 'Show' }).click()
}

it('asks for a credential, shows every operation, and sends a request with it, from no foreign origin', async () => {
  const { origin, page, wrong, foreign } = await served()
  await page.goto(`${origin}/api/jobs/docs`)
  await signIn(page, 'nonsense')
  await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor()
  await signIn(page, 'secret')
  await page.getByText('Create a job', { exact: false }).first().waitFor()
  for (const tag of ['Jobs', 'Event streams', 'Webhooks']) await page.locator(`[data-tag="${tag}"]`).waitFor()
  await page.locator('#operations-Jobs-listJobs').getByRole('button').first().click()
  await page.getByRole('button', { name: 'Try it out' }).click()
  await page.getByRole('button', { name: 'Execute' }).click()
  await page.locator('.live-responses-table .response-col_status').filter({ hasText: '200' }).first().waitFor()
  expect(foreign.filter((url) => !url.startsWith('data:'))).toEqual([])
  // The refused credentials.
  expect(wrong.filter((line) => !line.includes('401'))).toEqual([])
})

it('works behind a proxy that cuts a part of the path', async () => {
  const { origin, page, wrong } = await served()
  const nginx = await startNginx(`location /app/ { proxy_pass ${origin}/; }`)
  atEnd(() => nginx.stop())
  await page.goto(`${nginx.origin}/app/api/jobs/docs`)
  await signIn(page, 'secret')
  await page.locator('#operations-Jobs-createJob').waitFor()
  expect(wrong.filter((line) => !line.includes('401'))).toEqual([])
  const asset = await fetch(`${nginx.origin}/app/api/jobs/docs/other.js`)
  expect([asset.status, asset.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
})
