import { expect, it } from 'vitest'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { withDashboard } from './setup.ts'

const idsOf = (body: { items: { jobId: string }[] }) => body.items.map(({ jobId }) => jobId)

/** The ids of all pages of a search. */
async function all(get: ReturnType<typeof withDashboard>['get'], query: string): Promise<string[]> {
  const found: string[] = []
  for (let cursor = ''; found.length < 1_000; ) {
    const { status, body } = await get(`jobs?${query}${cursor}`)
    expect(status).toBe(200)
    found.push(...idsOf(body))
    if (body.next === null) return found
    cursor = `&cursor=${body.next}`
  }
  throw new Error('the search does not end')
}

it('finds jobs of all owners by id, status, type, owner, time and any value of input or metadata', async () => {
  const { jobs, get } = withDashboard()
  const before = new Date().toISOString()
  const one = await jobs.enqueue('report', { userId: 42, deep: { 'odd "key': [null, 'ä'] } }, { owner: 'ann' })
  const two = await jobs.enqueue('report', { userId: '42', flag: true }, { owner: 'bob', metadata: { tenant: 'a b' } })
  const three = await jobs.enqueue('held', { userId: 421 }, { owner: 'bob' })
  await jobs.cancel(three.jobId, { owner: allOwners })
  const found = (query: string) => all(get, query)
  expect(await found('')).toEqual([three.jobId, two.jobId, one.jobId])
  expect(await found('sort=oldest&limit=1')).toEqual([one.jobId, two.jobId, three.jobId])
  expect(await found(`id=${one.jobId}`)).toEqual([one.jobId])
  expect(await found(`id=${one.jobId}&owner=bob`)).toEqual([])
  expect(await found('id=nonsense')).toEqual([])
  expect(await found('status=cancelled')).toEqual([three.jobId])
  expect(await found('type=report&owner=bob')).toEqual([two.jobId])
  expect(await found('input.userId=42')).toEqual([two.jobId, one.jobId])
  expect(await found('input.flag=true')).toEqual([two.jobId])
  expect(await found(`${new URLSearchParams({ 'input.deep.odd "key.1': 'ä' })}`)).toEqual([one.jobId])
  expect(await found(`${new URLSearchParams({ 'input.deep.odd "key.0': 'null' })}`)).toEqual([one.jobId])
  expect(await found('input.constructor=Object')).toEqual([])
  expect(await found('metadata.tenant=a+b&status=pending')).toEqual([two.jobId])
  expect(await found(`from=${before}`)).toHaveLength(3)
  expect(await found(`to=${before}`)).toEqual([])
  for (const query of [
    'nonsense=1',
    'status=odd',
    'sort=up',
    'limit=0',
    'limit=x',
    'from=yesterday',
    'cursor=..',
    'type=%20',
  ]) {
    expect([query, (await get(`jobs?${query}`)).status]).toEqual([query, 400])
  }
})

it('shows big integers as they are, finds them, and hides what a rule hides', async () => {
  const { jobs, get } = withDashboard({ hide: ['input.card.number', 'input.keys.*.secret', 'output'] })
  await jobs.ready()
  const raw = '{"type":"report","input":{"n":12345678901234567890}}'
  const { body } = {
    body: (await (
      await jobs.fetch(
        new Request('http://x/api/jobs', {
          method: 'POST',
          body: raw,
          headers: { 'Content-Type': 'application/json' },
        }),
      )
    ).json()) as { jobId: string },
  }
  const hidden = await jobs.enqueue('report', {
    card: { number: '4111', name: 'ann' },
    keys: [{ secret: 1 }, { secret: 2, id: 3 }],
  })
  expect((await get(`jobs/${hidden.jobId}`)).body).toMatchObject({
    input: '{"card":{"number":"•••","name":"ann"},"keys":[{"secret":"•••"},{"secret":"•••","id":3}]}',
    output: null,
  })
  expect((await get(`jobs/${body.jobId}`)).body.input).toContain('1234567890123456')
  for (const path of ['input.card.number', 'input.card', 'input.keys.0.secret', 'input.keys.0']) {
    expect([path, (await get(`jobs?${path}=4111`)).status]).toEqual([path, 400])
  }
  expect((await get('jobs?input.card.name=ann')).body.items).toHaveLength(1)
  const { paths } = (await get('suggestions')).body
  expect(paths).toContain('input.card.name')
  expect(paths).not.toContain('input.card.number')
})

it('shows a job with its attempts, stack, log, deliveries and lease', async () => {
  const { jobs, get, held } = withDashboard()
  const failing = await jobs.enqueue('broken', { why: 'logs' }, { owner: 'ann' })
  const running = await jobs.enqueue('held', {})
  await jobs.work()
  await until(async () => (await get(`jobs/${failing.jobId}`)).body.log.length > 0)
  const { body } = await get(`jobs/${failing.jobId}`)
  expect(body).toMatchObject({
    job: { jobId: failing.jobId, status: 'failed', owner: 'ann', error: { code: 'handler-error' } },
    input: '{"why":"logs"}',
    attempts: [{ outcome: 'failed', error: { thrown: expect.stringContaining('test/dashboard/setup.ts') } }],
    log: [{ level: 'warn', message: 'about to fail', attempt: 1, fields: { why: 'logs' } }],
    deliveries: [],
  })
  const { body: live } = await get(`jobs/${running.jobId}`)
  expect(live.job.leaseUntil).toBeGreaterThan(live.now)
  expect((await get('jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV')).status).toBe(404)
  held.open()
})

it('shows that a job waits for room within its limits', async () => {
  const { jobs, get } = withDashboard()
  const [first, second] = [await jobs.enqueue('limited', {}), await jobs.enqueue('limited', {})]
  const parked = async (id: string) => (await get(`jobs/${id}`)).body.job.parked
  await until(async () => (await parked(first.jobId)) === false)
  expect(await parked(second.jobId)).toBe(true)
})

it('counts what ended by type, with percentiles, and groups errors', async () => {
  const { jobs, get, held } = withDashboard()
  for (let n = 0; n < 3; n++) await jobs.enqueue('broken', { why: `disk-${n}` })
  await jobs.enqueue('report', {})
  await jobs.enqueue('__proto__' as never, {} as never).catch(() => {})
  await jobs.enqueue('held', {})
  const worker = await jobs.work({ concurrency: 7 })
  await until(async () => (await get('errors')).body.items.length > 0)
  const overview = (await get('overview')).body
  expect(overview.series).toHaveLength(60)
  const ended = (name: string) =>
    overview.series.reduce((sum: number, point: Record<string, number>) => sum + point[name]!, 0)
  expect([ended('completed'), ended('failed'), ended('cancelled')]).toEqual([1, 3, 0])
  expect(overview).toMatchObject({ failed: 3, workers: { alive: 1, slots: 7 }, run: { p50: expect.any(Number) } })
  expect((await get('overview?range=fortnight')).body.series).toHaveLength(14 * 24)
  expect((await get('overview?range=odd')).status).toBe(400)
  const [group, ...others] = (await get('errors')).body.items
  expect(others).toEqual([])
  expect(group).toMatchObject({
    type: 'broken',
    code: 'handler-error',
    message: 'Error: Disk * of * is full',
    count: 3,
  })
  const types = (await get('types')).body.items
  expect(types.map(({ type }: { type: string }) => type)).toEqual(['broken', 'held', 'limited', 'report'])
  expect(types[0]).toMatchObject({ failed: 3, completed: 0, paused: false })
  const workers = (await get('workers')).body.items
  expect(workers).toMatchObject([{ id: worker.id, concurrency: 7, quiet: false, jobs: [{ type: 'held' }] }])
  held.open()
  await worker.stop()
  expect((await get('workers')).body.items).toEqual([])
})

it('lists the webhook endpoints of all owners, and failed webhooks', async () => {
  const key = Buffer.alloc(32, 7).toString('base64')
  const { jobs, get, post } = withDashboard(
    {},
    { webhooks: { secret: `whsec_${key}`, allowHosts: ['127.0.0.1:9'], endpoints: true, secretKey: key } },
  )
  const { endpointId } = await jobs.webhookEndpoints.create({ owner: 'ann', url: 'http://127.0.0.1:9/hook' })
  const { body } = await get('webhooks')
  expect(body.endpoints).toMatchObject([{ endpointId, owner: 'ann', disabled: null, delivered: 0, failed: 0 }])
  expect(JSON.stringify(body)).not.toContain('whsec_')
  expect((await post(`webhooks/${endpointId}/disable`, { owner: 'ann' })).status).toBe(200)
  expect((await get('webhooks')).body.endpoints[0].disabled).toMatchObject({ reason: 'owner' })
  expect((await post(`webhooks/${endpointId}/enable`, { owner: 'bob' })).status).toBe(404)
  expect((await post(`webhooks/${endpointId}/recover`, { owner: 'ann', since: 0 })).body).toEqual({ recovered: 0 })
  expect((await post(`webhooks/${endpointId}/recover`, { owner: 'ann', since: 'x' })).status).toBe(422)
})

it.each([
  'nothing',
  'jobs/%E0%A4%A',
  'jobs/a/b',
  'constructor',
  '__proto__',
  'overview/x',
  'live?of=http://[',
  'live?of=%2F%2Fevil%2Fnothing',
])('responds with 404 to %s', async (path) => {
  expect((await withDashboard().get(path)).status).toBe(404)
})

it('serves its pages with relative paths, and redirects to the slash at the end', async () => {
  const { dashboard } = withDashboard()
  const get = (path: string, method = 'GET') => dashboard(new Request(`https://ops.example${path}`, { method }))
  const page = await get('/a/dashboard/')
  expect([page.status, page.headers.get('content-security-policy')]).toEqual([
    200,
    expect.stringContaining("script-src 'self';"),
  ])
  const [, script] = /<script[^>]* src="([^"]+)"/.exec(await page.text()) ?? []
  expect(script).toMatch(/^\.\/dashboard-assets\//)
  const asset = await get(`/a/dashboard/${script?.slice(2)}`)
  expect([asset.status, asset.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
  for (const [path, location] of [
    ['/a/dashboard', './dashboard/'],
    ['/javascript:alert(1)', './javascript:alert(1)/'],
  ] as const) {
    const moved = await get(path)
    expect([moved.status, moved.headers.get('location')]).toEqual([308, location])
  }
  for (const name of ['..%2findex.html', 'index.html', 'absent.js', '../../package.json']) {
    expect((await get(`/dashboard/dashboard-assets/${name}`)).status).not.toBe(500)
  }
  expect((await get('/dashboard/dashboard-assets/absent.js')).status).toBe(404)
  expect((await get('/dashboard/', 'PUT')).status).toBe(405)
})
