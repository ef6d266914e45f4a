/** The demo over HTTP, without a browser: invalid requests and failing starts. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Demo, failedStart, startDemo } from './demo.ts'

const alice = { Authorization: 'Bearer demo-alice' }
const json = { ...alice, 'Content-Type': 'application/json' }
const year = { startDate: '2014-01-01', endDate: '2014-12-31' }

let demo: Demo
beforeAll(async () => {
  demo = await startDemo({ REPORT_PACE: '0' })
})
afterAll(() => demo?.stop())

const post = (body: string, headers: Record<string, string> = json) =>
  fetch(`${demo.url}/api/reports/generate`, { method: 'POST', headers, body })
const order = (body: object, headers?: Record<string, string>) => post(JSON.stringify(body), headers)

describe('POST /api/reports/generate', () => {
  it('responds with the complete 202, and with Prefer: wait with the finished report', async () => {
    const response = await order({ ...year, webhookUrl: `${demo.url}/demo/receiver` }, { ...json, Prefer: 'wait=20' })
    expect(response.status).toBe(202)
    const { jobId, statusUrl, message, status, output, files } = await response.json()
    expect(response.headers.get('location')).toBe(statusUrl)
    expect({ message, status }).toEqual({ message: expect.any(String), status: 'completed' })
    expect(output).toEqual({ pages: 19, rows: 730 })
    const name = 'weather-2014-01-01-to-2014-12-31.pdf'
    expect(files).toMatchObject([{ name, contentType: 'application/pdf', url: `/api/jobs/${jobId}/files/${name}` }])
  })

  it.each([
    ['invalid JSON', () => post('{"startDate":'), 400, 'invalid-json'],
    ['10 MB', () => post(`"${'x'.repeat(10 << 20)}"`), 413, 'payload-too-large'],
    [
      'a form',
      () => post('a=b', { ...alice, 'Content-Type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported-media-type',
    ],
    [
      'another charset',
      () => post('{}', { ...alice, 'Content-Type': 'application/json; charset=shift_jis' }),
      415,
      'unsupported-media-type',
    ],
    ['an empty object', () => order({}), 422, 'validation-error'],
    ['an array', () => order([]), 422, 'validation-error'],
    ['10,000 levels', () => post('['.repeat(10_000) + ']'.repeat(10_000)), 413, 'payload-too-large'],
    ['1,000 levels', () => post(`{"startDate":${'['.repeat(1_000)}${']'.repeat(1_000)}}`), 422, 'validation-error'],
    ['__proto__', () => post(`{"__proto__":{"pace":1},${JSON.stringify(year).slice(1)}`), 422, 'validation-error'],
    ['a range without data', () => order({ ...year, endDate: '2016-01-01' }), 422, 'validation-error'],
    ['an end before its start', () => order({ ...year, endDate: '2013-01-01' }), 422, 'validation-error'],
    ['a date that does not exist', () => order({ ...year, endDate: '2014-02-30' }), 422, 'validation-error'],
    ['an unknown member', () => order({ ...year, owner: 'bob' }), 422, 'validation-error'],
    ['an invalid webhook URL', () => order({ ...year, webhookUrl: 'nowhere' }), 422, 'validation-error'],
    [
      'a private webhook URL',
      () => order({ ...year, webhookUrl: 'http://127.0.0.1:1/' }),
      422,
      'webhook-url-forbidden',
    ],
    ['no credential', () => order(year, { 'Content-Type': 'application/json' }), 401, 'unauthorized'],
    [
      'an unknown credential',
      () => order(year, { ...json, Authorization: 'Bearer demo-mallory' }),
      401,
      'unauthorized',
    ],
  ])('responds with a problem to %s', async (_, ask, status, code) => {
    const response = await ask()
    const problem = await response.json()
    expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([
      status,
      'application/problem+json',
    ])
    expect(problem).toMatchObject({ type: `urn:uketsuke:problem:${code}`, status })
  })

  it('points to the invalid member of the request body', async () => {
    const { errors } = await (await order({ ...year, endDate: '2016-01-01' })).json()
    expect(errors).toEqual([{ pointer: '/endDate', detail: 'must not be after 2015-12-31' }])
  })
})

it('serves the dashboard, with its worker and the jobs of all users', async () => {
  await order(year)
  const page = await fetch(`${demo.url}/dashboard`)
  expect([page.url, await page.text()]).toEqual([`${demo.url}/dashboard/`, expect.stringContaining('<div id="app">')])
  const get = async (path: string) => (await fetch(`${demo.url}/dashboard/dashboard-api/${path}`)).json()
  const types = ['generate-report', 'tell-weather', 'count-primes']
  expect(await get('session')).toMatchObject({ readOnly: false, types })
  expect((await get('jobs?owner=alice')).items.length).toBeGreaterThan(0)
  expect((await get('workers')).items).toMatchObject([{ types }])
})

it('rejects a webhook with an invalid signature', async () => {
  const headers = {
    'Content-Type': 'application/json',
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
    'webhook-signature': 'v1,AAAA',
  }
  const sent = await fetch(`${demo.url}/demo/receiver`, { method: 'POST', headers, body: '{"data":{"jobId":"../x"}}' })
  expect(sent.status).toBe(401)
})

describe('startup', () => {
  it('reports a port in use and exits with 1', async () => {
    const { port } = new URL(demo.url)
    const { output, code } = await failedStart({ PORT: port, DATA_DIR: join(tmpdir(), 'never-made') })
    expect(output.trim()).toMatch(new RegExp(`^Port ${port} is already in use\\. .*$`))
    expect(code).toBe(1)
  })

  it('reports an unusable store and exits with 2', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'uketsuke-demo-'))
    await mkdir(join(folder, 'jobs.db'))
    const { output, code } = await failedStart({ PORT: '0', DATA_DIR: folder })
    await rm(folder, { recursive: true })
    expect(output.trim()).toMatch(/^".*jobs\.db" is a directory[^\n]*$/)
    expect(code).toBe(2)
  })

  it('names the invalid setting', async () => {
    const { output, code } = await failedStart({ PORT: 'http' })
    expect(output.trim()).toBe('PORT must be an integer from 0 to 65535, not "http".')
    expect(code).toBe(1)
  })
})

it('shuts down gracefully: streams end, running jobs finish or are released, and the next start resumes them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'uketsuke-demo-'))
  const first = await startDemo({ DATA_DIR: folder, REPORT_PACE: '50' })
  const response = await fetch(`${first.url}/api/reports/generate`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify(year),
  })
  const { jobId, streamUrl } = await response.json()
  const stream = await fetch(first.url + streamUrl, { headers: alice })
  // Wait for the end of the stream: a shutdown that left it open would hang.
  const [code] = await Promise.all([first.stop(), stream.text()])
  expect(code).toBe(0)

  const second = await startDemo({ DATA_DIR: folder, REPORT_PACE: '0' })
  const job = await fetch(`${second.url}/api/jobs/${jobId}`, { headers: { ...alice, Prefer: 'wait=20' } })
  expect(await job.json()).toMatchObject({ status: 'completed', attempt: 1 })
  await second.stop()
  await rm(folder, { recursive: true, force: true })
})
