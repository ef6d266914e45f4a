import { Agent, request as send } from 'node:http'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../until.ts'
import { body, type Serving, serve } from './server.ts'

/**
 * Random and hostile requests to every route of the OpenAPI document. Every response must be documented, match its schema, come within
 * five seconds, be no 5xx, and carry nothing of another owner. `FUZZ_RUNS=20000` for the long run, `FUZZ_SEED` to repeat one.
 */
const runs = Number(process.env.FUZZ_RUNS ?? 1_500)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

interface Operation {
  path: string
  method: string
  parameters: { name: string; in: string }[]
  requestBody?: object
  responses: Record<string, { content?: Record<string, object> }>
}

let api: Serving
let operations: Operation[]
const owned: Record<string, { jobs: string[]; endpoints: string[] }> = {
  alice: { jobs: [], endpoints: [] },
  bob: { jobs: [], endpoints: [] },
}
const marker = (owner: string) => `marker-of-${owner}`
const ajv = new Ajv2020({ strict: false, allErrors: false })
addFormats.default(ajv, { mode: 'fast' })
for (const name of ['ulid', 'uri-reference']) ajv.addFormat(name, true)
const agent = new Agent({ keepAlive: true, maxSockets: 4 })

beforeAll(async () => {
  api = await serve()
  const document = (await body(await api.call('/openapi.json'))) as { paths: Record<string, Record<string, object>> }
  ajv.addSchema(document, 'document')
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, one]) => ({ ...(one as Omit<Operation, 'path' | 'method'>), path, method })),
  )
  for (const owner of ['alice', 'bob']) {
    const data = { note: marker(owner) }
    for (let i = 0; i < 3; i++) {
      const request = { type: 'held', input: data, metadata: data, webhookUrl: 'http://127.0.0.1:9/' }
      owned[owner]!.jobs.push((await api.create(request, owner)).jobId)
    }
    for (let i = 0; i < 3; i++) {
      const endpoint = { owner, url: 'http://127.0.0.1:9/', description: marker(owner) }
      owned[owner]!.endpoints.push((await api.jobs.webhookEndpoints.create(endpoint)).endpointId)
    }
  }
  const worker = await api.jobs.work()
  for (const owner of ['alice', 'bob']) (await api.handler(owned[owner]!.jobs[0]!)).finish({ note: marker(owner) })
  await until(async () => (await api.jobs.get(owned.bob!.jobs[0]!, { owner: 'bob' }))?.completedAt)
  const stopped = worker.stop()
  await api.clock.advance(25_000)
  await stopped
})
afterAll(async () => {
  agent.destroy()
  const closed = api.close()
  await api.clock.advance(25_000)
  await closed
})

const hostile = fc.constantFrom(
  ...[
    '',
    '0',
    '-1',
    '1e999',
    'null',
    'true',
    '[]',
    '{}',
    '..',
    '%00',
    '%ff',
    '%2e%2e%2f',
    "'--",
    '"',
    '\\',
    '*',
    '\u00ff',
    '$ne',
    '__proto__',
  ],
  ...[
    'W/"1"',
    '"x"',
    '18446744073709551616',
    ' ',
    '\t',
    'a'.repeat(300),
    '0'.repeat(5_000),
    'completed',
    '2026-01-01T00:00:00Z',
    'Infinity',
  ],
)
const anything = fc.oneof(hostile, fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 20 }))
const absent = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const index = fc.nat(2)
const id = fc.oneof(
  { weight: 4, arbitrary: fc.record({ of: fc.constantFrom('alice', 'bob'), at: index }) },
  { weight: 1, arbitrary: fc.constant(absent) },
  { weight: 2, arbitrary: anything },
)
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(1e308, -0, '\ud800', { __proto__: 1 }, [[[[]]]]),
)
const jobBody = fc.record(
  {
    type: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('held', 'report') }, { weight: 1, arbitrary: json }),
    input: fc.oneof(fc.constant({}), fc.constant({ pages: 1 }), json),
    priority: fc.oneof(fc.constantFrom('high', 'normal'), json),
    webhookUrl: fc.oneof(fc.constantFrom('http://127.0.0.1:9/', 'http://[::1]/', 'http://0x7f.1/'), json),
    delay: fc.oneof(fc.nat(), json),
    runAt: fc.oneof(fc.constant('2026-02-31T00:00:00Z'), json),
    metadata: fc.oneof(fc.constant({}), json),
    url: fc.oneof(fc.constantFrom('http://127.0.0.1:9/', 'http://10.0.0.1/'), json),
    events: fc.oneof(fc.constant(['job.failed']), json),
    description: json,
    since: fc.oneof(fc.constant('2026-01-01T00:00:00Z'), json),
    owner: json,
  },
  { requiredKeys: [] },
)
const valid = fc.constantFrom<object>(
  { type: 'held', input: {}, url: 'http://127.0.0.1:9/', since: '2026-01-01T00:00:00Z' },
  {
    type: 'report',
    input: { pages: 1 },
    url: 'http://127.0.0.1:9/',
    events: ['job.failed'],
    since: '2026-01-01T00:00:00Z',
  },
)
/** A text as it is, or an object, of which a route gets the members that it knows. */
const content = fc.oneof(
  { weight: 4, arbitrary: valid },
  { weight: 4, arbitrary: jobBody },
  { weight: 1, arbitrary: jobBody.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: json.map((value) => JSON.stringify(value) ?? '') },
  { weight: 1, arbitrary: fc.tuple(jobBody, fc.nat(60)).map(([value, end]) => JSON.stringify(value).slice(0, end)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{"type":"held","input":{"a":1e999}}',
      `{"type":"held","input":${'['.repeat(500)}${']'.repeat(500)}}`,
      '{"type":"held","type":"report","input":{}}',
      '{"__proto__":{}}',
      '\ufeff{}',
      '',
    ),
  },
)
const members: Record<string, string[]> = {
  '/': ['type', 'input', 'priority', 'webhookUrl', 'delay', 'runAt', 'metadata'],
  '/webhook-endpoints': ['url', 'events', 'description'],
  '/webhook-endpoints/{endpointId}/recover': ['since'],
}
const fields = fc.record(
  {
    accept: fc.oneof(
      fc.constantFrom('*/*', 'application/json', 'text/event-stream', 'text/html', 'application/*;q=0'),
      anything,
    ),
    'content-type': fc.oneof(
      fc.constantFrom('application/json; charset=utf-8', 'text/plain', 'application/x+json'),
      anything,
    ),
    'content-encoding': fc.oneof(fc.constantFrom('identity', 'gzip', 'br'), anything),
    'idempotency-key': fc.oneof(fc.constantFrom('"a"', 'a', 'b', '""', 'x'.repeat(256)), anything),
    'if-none-match': fc.oneof(fc.constantFrom('W/"1"', '"2-gzip"', '*', 'W/"1", W/"2"'), anything),
    'last-event-id': fc.oneof(fc.constantFrom('1', '2', '999'), anything),
    // The clock of the test stands still, so nothing may wait.
    prefer: fc.oneof(fc.constantFrom('wait=0', 'respond-async', 'wait=-1', 'wait=', 'wait=x; y', 'wait'), hostile),
    origin: anything,
    'x-forwarded-host': anything,
    range: fc.constant('bytes=0-1'),
  },
  { requiredKeys: [] },
)
const credential = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('alice', 'bob') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'alice/jobs:read',
      'bob/jobs:create',
      'alice/webhooks:manage',
      'bob/',
      'reader',
      'writer',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('', 'unknown') },
)
const some = <T>(none: T, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(none) }, { weight: 2, arbitrary })
const query = some([], fc.array(fc.tuple(fc.oneof(fc.nat(5), anything), anything), { maxLength: 3 }))

const requests = fc.record({
  operation: fc.nat(),
  as: credential,
  jobId: id,
  /** Else the delivery of the job. */
  deliveryId: fc.option(id),
  endpointId: id,
  encoded: fc.boolean(),
  query,
  fields: some({}, fields),
  content,
  head: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})

type Request = typeof requests extends fc.Arbitrary<infer T> ? T : never

/** The path, and whether its parameters are single segments, so that it is a path of the document. */
function target({ path, method, parameters }: Operation, request: Request): { url: string; isDocumented: boolean } {
  let isDocumented = true
  const fill = (name: 'jobId' | 'deliveryId' | 'endpointId'): string => {
    const given = request[name] ?? request.jobId
    if (typeof given === 'object') {
      const { jobs, endpoints } = owned[given.of]!
      // Only the last one may be deleted, so that the others are there to the end.
      const at = method === 'delete' ? 2 : given.at
      if (name === 'endpointId') return endpoints[at]!
      return name === 'jobId' ? jobs[at]! : `${jobs[at]}-webhook`
    }
    if (given === absent) return absent
    const safe = request.encoded ? encodeURIComponent(given.toWellFormed()) : given.replace(/[^\x21-\x7e]|[?#]/g, '')
    if (
      !/^[^/]+$/.test(safe) ||
      /^(?:\.|%2e){1,2}$/i.test(safe) ||
      safe === 'openapi.json' ||
      safe === 'webhook-endpoints'
    )
      isDocumented = false
    return safe
  }
  const filled = path.replace(/\{(\w+)\}/g, (_, name: 'jobId') => fill(name))
  const known = parameters.filter((one) => one.in === 'query').map(({ name }) => name)
  const pairs = request.query.map(([name, value]) => [
    typeof name === 'number' ? (known[name % Math.max(1, known.length)] ?? 'limit') : name.toWellFormed(),
    value.toWellFormed(),
  ])
  const search = new URLSearchParams(pairs as [string, string][]).toString()
  return { url: `/api/jobs${filled === '/' ? '' : filled}${search === '' ? '' : `?${search}`}`, isDocumented }
}

interface Answer {
  status: number
  type: string
  text: string
}

function exchange(
  method: string,
  path: string,
  headers: Record<string, string>,
  content: string | null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = send({ port: api.port, host: '127.0.0.1', agent, method, path, headers, timeout: 5_000 })
    const late = setTimeout(() => outgoing.destroy(new Error('no answer within 5 seconds')), 5_000)
    outgoing.on('error', (error) => {
      clearTimeout(late)
      reject(error)
    })
    outgoing.on('response', (incoming) => {
      let read = ''
      const done = () => {
        clearTimeout(late)
        resolve({ status: incoming.statusCode ?? 0, type: incoming.headers['content-type'] ?? '', text: read })
      }
      incoming.on('data', (chunk) => {
        read += chunk
        if (!incoming.headers['content-type']?.startsWith('text/event-stream')) return
        done()
        incoming.destroy()
      })
      incoming.on('end', done)
      incoming.on('error', () => {})
    })
    outgoing.end(content ?? undefined)
  })
}

const validators = new Map<string, ValidateFunction>()
function validator(pointer: string): ValidateFunction {
  const known = validators.get(pointer) ?? ajv.compile({ $ref: `document#${pointer}` })
  validators.set(pointer, known)
  return known
}
const escaped = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))

function bodyFor(path: string, given: string | object): string {
  if (typeof given === 'string') return given
  return JSON.stringify(Object.fromEntries(Object.entries(given).filter(([name]) => members[path]?.includes(name))))
}

const seen = new Map<string, number>()

async function check(request: Request): Promise<void> {
  const operation = operations[request.operation % operations.length]!
  const { path, method, requestBody } = operation
  const { url, isDocumented } = target(operation, request)
  const isHead =
    request.head && method === 'get' && operation.responses['200']?.content?.['text/event-stream'] === undefined
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.fields)) {
    headers[name] = value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').trim()
  }
  if (request.as !== '') headers.authorization = `Bearer ${request.as}`
  if (headers['content-type'] === undefined) headers['content-type'] = 'application/json'
  const hasBody = !isHead && (requestBody !== undefined || request.head)
  const content = hasBody ? bodyFor(path, request.content) : null
  // Otherwise Node.js sends a body without its length in a DELETE.
  if (content !== null) headers['content-length'] = String(Buffer.byteLength(content))
  const answer = await exchange(isHead ? 'HEAD' : method.toUpperCase(), url, headers, content)
  const about = `${method} ${url} → ${answer.status} ${answer.text.slice(0, 300)}`
  seen.set(`${method} ${path} ${answer.status}`, (seen.get(`${method} ${path} ${answer.status}`) ?? 0) + 1)

  expect(answer.status, about).toBeLessThan(500)
  const owner = /^(alice|bob)/.exec(request.as)?.[1] ?? (['reader', 'writer'].includes(request.as) ? 'alice' : '')
  for (const other of ['alice', 'bob'])
    if (other !== owner) expect(answer.text.includes(marker(other)), about).toBe(false)
  const isProblem = answer.type.startsWith('application/problem+json')
  if (answer.status >= 400 && !isHead) {
    expect(isProblem, about).toBe(true)
    const problem = validator('/components/schemas/Problem')
    expect(problem(JSON.parse(answer.text)), `${about} ${ajv.errorsText(problem.errors)}`).toBe(true)
  }
  if (!isDocumented) return
  const documented = operation.responses[String(answer.status)]
  expect(documented, `${about} is not documented`).toBeDefined()
  const type = answer.type.split(';', 1)[0]!
  if (answer.text === '' || isHead) return
  expect(Object.keys(documented?.content ?? {}), about).toContain(type)
  if (!type.endsWith('json')) return
  const schema = validator(
    `/paths/${escaped(path)}/${method}/responses/${answer.status}/content/${escaped(type)}/schema`,
  )
  expect(schema(JSON.parse(answer.text)), `${about} ${ajv.errorsText(schema.errors)}`).toBe(true)
}

it(`answers ${runs} random requests as documented (seed ${seed})`, { timeout: 60_000 + runs * 20 }, async () => {
  // First a good request to each route, then the random ones.
  const mine = { of: 'alice' as const, at: 0 }
  const good = {
    as: 'alice' as const,
    jobId: mine,
    deliveryId: null,
    endpointId: mine,
    encoded: true,
    query: [],
    fields: {},
  }
  const content = { type: 'held', input: {}, url: 'http://127.0.0.1:9/', since: '2026-01-01T00:00:00Z' }
  const examples = operations.map((_, operation): [Request] => [{ ...good, operation, content, head: false }])
  await fc.assert(fc.asyncProperty(requests, check), { numRuns: runs, seed, examples })
  // Each route was reached, and those without parameters have succeeded.
  for (const { method, path } of operations) {
    const reached = [...seen.keys()].filter((key) => key.startsWith(`${method} ${path} `))
    const statuses = reached.map((key) => Number(key.split(' ').at(-1)))
    expect(statuses.length, `${method} ${path}: ${statuses}`).toBeGreaterThan(1)
    if (!path.includes('{')) expect(Math.min(...statuses), `${method} ${path}`).toBeLessThan(300)
  }
})
