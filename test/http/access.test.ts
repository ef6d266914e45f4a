import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allOwners, type Scope } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { body, type Serving, serve } from './server.ts'

/** Every route of the document × every credential × own, foreign, absent and malformed jobs, in every state. */
let api: Serving
beforeAll(async () => {
  api = await serve()
})
afterAll(async () => {
  const closed = api.close()
  await api.clock.advance(25_000)
  await closed
})

const owners = ['alice', 'bob'] as const
/** The route scopes that each credential's scope includes. */
const granted: Record<Scope | '', readonly Scope[]> = {
  '': [],
  'jobs:create': ['jobs:create'],
  'jobs:read': ['jobs:read'],
  'jobs:cancel': ['jobs:cancel'],
  'jobs:write': ['jobs:create', 'jobs:cancel'],
  'webhooks:manage': ['webhooks:manage'],
  admin: ['jobs:create', 'jobs:read', 'jobs:cancel', 'webhooks:manage'],
}
const everything = granted.admin
const credentials: Record<string, { owner: string; scopes: readonly Scope[] } | null> = {
  '': null,
  unknown: null,
  alice: { owner: 'alice', scopes: everything },
  bob: { owner: 'bob', scopes: everything },
  ...Object.fromEntries(
    owners.flatMap((owner) =>
      Object.entries(granted).map(([scope, scopes]) => [`${owner}/${scope}`, { owner, scopes }]),
    ),
  ),
}

/** The scope that each route needs; null: an identity is enough. A route that is missing here fails the first test. */
const routes: Record<string, Scope | null> = {
  'POST /': 'jobs:create',
  'GET /': 'jobs:read',
  'GET /openapi.json': null,
  'GET /events': 'jobs:read',
  'GET /batches/{batchId}': 'jobs:read',
  'GET /batches/{batchId}/stream': 'jobs:read',
  'GET /{jobId}': 'jobs:read',
  'GET /{jobId}/stream': 'jobs:read',
  'POST /{jobId}/cancel': 'jobs:cancel',
  'POST /{jobId}/retry': 'jobs:create',
  'DELETE /{jobId}': 'jobs:cancel',
  'POST /{jobId}/stream-ticket': 'jobs:read',
  'GET /{jobId}/files/{fileName}': 'jobs:read',
  'POST /{jobId}/files/{fileName}/link': 'jobs:read',
  'GET /{jobId}/output': 'jobs:read',
  'GET /{jobId}/output/{run}': 'jobs:read',
  'GET /{jobId}/deliveries': 'webhooks:manage',
  'POST /{jobId}/deliveries/{deliveryId}/redeliver': 'webhooks:manage',
  'POST /webhook-endpoints': 'webhooks:manage',
  'GET /webhook-endpoints': 'webhooks:manage',
  'GET /webhook-endpoints/{endpointId}': 'webhooks:manage',
  'DELETE /webhook-endpoints/{endpointId}': 'webhooks:manage',
  'POST /webhook-endpoints/{endpointId}/disable': 'webhooks:manage',
  'POST /webhook-endpoints/{endpointId}/enable': 'webhooks:manage',
  'POST /webhook-endpoints/{endpointId}/rotate-secret': 'webhooks:manage',
  'POST /webhook-endpoints/{endpointId}/recover': 'webhooks:manage',
}
const bodies: Record<string, string> = {
  'POST /': '{"type":"held","input":{}}',
  'POST /webhook-endpoints': '{"url":"http://127.0.0.1:9/"}',
  'POST /webhook-endpoints/{endpointId}/recover': '{"since":"2026-01-01T00:00:00Z"}',
}
const perJob = Object.keys(routes).filter((route) => route.includes('{jobId}'))
const perBatch = Object.keys(routes).filter((route) => route.includes('{batchId}'))
const perEndpoint = Object.keys(routes).filter((route) => route.includes('{endpointId}'))

async function send(route: string, as: string, id = '', prefix = '') {
  const [method = '', path = ''] = route.split(' ')
  const url = `/api/jobs${path === '/' ? '' : path.replace('{jobId}', id).replace('{deliveryId}', `${id}-webhook`).replace('{endpointId}', id).replace('{batchId}', id).replace('{fileName}', 'report.txt').replace('{run}', '1')}${prefix}`
  const given = bodies[route] === undefined ? {} : { body: bodies[route] }
  const headers = { 'content-type': 'application/json' }
  const response = await api.call(url, { method, as, headers, ...given })
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  const text = isStream ? '' : await response.text()
  if (isStream) await response.body?.cancel()
  // Times and ids of requests apart, there is nothing that may differ.
  const fields = [...response.headers].filter(([name]) => name !== 'date')
  return { status: response.status, whole: JSON.stringify([response.status, fields, text]) }
}

/** Jobs of alice: pending, cancelled, completed, and running. */
async function jobsOfAlice(): Promise<string[]> {
  const webhookUrl = 'http://127.0.0.1:9/'
  const completed = await body(
    await api.post('', { type: 'report', input: { pages: 1, file: 'report.txt' }, webhookUrl }),
  )
  const worker = await api.jobs.work()
  await until(async () => (await api.jobs.get(String(completed.jobId), { owner: allOwners }))?.completedAt)
  const running = await api.create()
  await api.handler(running.jobId)
  const stopping = worker.stop()
  const pending = await api.create()
  const cancelled = await api.create()
  await api.post(`/${cancelled.jobId}/cancel`, '')
  stopping.catch(() => {})
  return [String(completed.jobId), running.jobId, pending.jobId, cancelled.jobId]
}

async function endpointOfAlice(): Promise<string> {
  const [known] = await api.jobs.webhookEndpoints.list({ owner: 'alice' })
  const made = known ?? (await api.jobs.webhookEndpoints.create({ owner: 'alice', url: 'http://127.0.0.1:9/' }))
  return made.endpointId
}

const batchOfAlice = async () =>
  (await api.jobs.enqueueMany('report', [{ pages: 1 }], { owner: 'alice', delay: 60_000 })).batchId

const absent = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const malformed = [
  'x',
  '0'.repeat(25),
  `${absent}X`,
  absent.toLowerCase(),
  '8ZZZZZZZZZZZZZZZZZZZZZZZZZ',
  '%00',
  '..%2f',
  'null',
  "'--",
]

it('covers every route of the document', async () => {
  const { paths } = (await body(await api.call('/openapi.json'))) as { paths: Record<string, object> }
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(documented.sort()).toEqual(Object.keys(routes).sort())
})

describe.each(Object.keys(routes))('%s', (route) => {
  it.each(Object.entries(credentials))('as "%s": 401, 403, or served', async (as, identity) => {
    const scope = routes[route]
    const own = perJob.includes(route)
      ? (await jobsOfAlice())[0]
      : perEndpoint.includes(route)
        ? await endpointOfAlice()
        : perBatch.includes(route)
          ? await batchOfAlice()
          : ''
    const { status } = await send(route, as, own)
    if (identity === null) expect(status).toBe(401)
    else if (scope && !identity.scopes.includes(scope)) expect(status).toBe(403)
    else if (identity.owner === 'bob' && own !== '') expect(status).toBe(404)
    // The delivery has not ended.
    else if (route.endsWith('/redeliver')) expect(status).toBe(409)
    else expect([200, 201, 202, 204]).toContain(status)
  })
})

describe.each(perJob)('%s of another owner’s job', (route) => {
  it.each(['bob', 'bob/webhooks:manage', 'reader', 'writer', '', 'unknown'])(
    'is, byte for byte, that of an absent one: %s',
    async (as) => {
      const foreign = as.startsWith('bob')
        ? await jobsOfAlice()
        : [(await api.create({ type: 'held', input: {} }, 'bob')).jobId]
      const expected = await send(route, as, absent)
      for (const id of [...foreign, ...malformed]) expect((await send(route, as, id)).whole, id).toBe(expected.whole)
    },
  )
})

describe.each(perEndpoint)('%s of another owner’s endpoint', (route) => {
  it('is, byte for byte, that of an absent one', async () => {
    const foreign = await endpointOfAlice()
    const expected = await send(route, 'bob', absent)
    expect(expected.status).toBe(404)
    for (const id of [foreign, ...malformed]) expect((await send(route, 'bob', id)).whole, id).toBe(expected.whole)
  })
})

describe.each(perBatch)('%s of another owner’s batch', (route) => {
  it('is, byte for byte, that of an absent one', async () => {
    const foreign = await batchOfAlice()
    const expected = await send(route, 'bob', absent)
    expect(expected.status).toBe(404)
    for (const id of [foreign, ...malformed]) expect((await send(route, 'bob', id)).whole, id).toBe(expected.whole)
  })
})

describe('a list', () => {
  it('is of the own jobs, whatever cursor, filter or key of another owner is given', async () => {
    const [mine = ''] = await jobsOfAlice()
    const page = async (query: string, as: string) =>
      ((await body(await api.call(query, { as }))) as { items: { jobId: string }[] }).items.map(({ jobId }) => jobId)
    const { nextCursor } = await body(await api.call('?limit=1'))
    for (const query of ['?limit=100', '?status=completed,failed', '?type=report', `?cursor=${nextCursor}`]) {
      for (const id of await page(query, 'bob')) {
        expect(await api.jobs.get(id, { owner: 'bob' }), query).not.toBeNull()
        expect(id).not.toBe(mine)
      }
    }
  })

  it('of idempotency keys is one for each owner', async () => {
    const key = { headers: { 'idempotency-key': 'shared' } }
    const asked = { type: 'held', input: {} }
    const [one, two] = [await api.post('', asked, key), await api.post('', asked, { ...key, as: 'bob' })]
    expect((await body(one)).jobId).not.toBe((await body(two)).jobId)
    expect(two.headers.has('idempotent-replayed')).toBe(false)
  })
})

it('a ticket opens its own stream, and nothing else', async () => {
  const [own = ''] = await jobsOfAlice()
  const other = (await api.create()).jobId
  const { ticket } = (await body(await api.post(`/${own}/stream-ticket`, ''))) as { ticket: string }
  for (const route of perJob) {
    const { status } = await send(route, '', own, `?ticket=${ticket}`)
    if (route === 'GET /{jobId}/stream') expect(status).toBe(200)
    else expect([400, 401], route).toContain(status)
    expect((await send(route, '', other, `?ticket=${ticket}`)).status, route).toBe(
      route.startsWith('GET /{jobId}/stream') ? 401 : status,
    )
  }
})
