import fc from 'fast-check'
import { job } from 'uketsuke'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { atEnd } from '../jobs/setup.ts'
import { serveTools } from './setup.ts'

/**
 * Random and hostile requests. Every response must come within five seconds, be no 5xx, be JSON-RPC, and say nothing of another owner.
 * `FUZZ_RUNS=5000` for the long run, `FUZZ_SEED` to repeat one.
 */
const runs = Number(process.env.FUZZ_RUNS ?? 1_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

const secretOf = (owner: string) => `marker-of-${owner}`
const secret = secretOf('bob')
const types = {
  note: job({
    description: 'Notes something.',
    mcp: { holdMs: 5 },
    stream: 'text',
    input: z.object({ text: z.string().optional() }).loose(),
    run: ({ input }) => input,
  }),
  asking: job({
    description: 'Asks something.',
    mcp: { holdMs: 20 },
    input: z.object({}).loose(),
    maxAttempts: 1,
    run: async ({ ask }) => {
      const schema = z.object({ text: z.string(), n: z.int().optional() })
      return (await ask('it', { message: secretOf('ann'), schema, within: 100 })).action
    },
  }),
}

it(`answers ${runs} hostile requests, seed ${seed}`, async () => {
  const server = await serveTools(types)
  atEnd(() => server.close())
  await server.jobs.work({ concurrency: 100 })
  const [mine, foreign] = await Promise.all(
    ['ann', 'bob'].map((owner) => server.jobs.enqueue('note', { text: `marker-of-${owner}` }, { owner })),
  )
  const ids = [mine!.jobId, foreign!.jobId, '01ARZ3NDEKTSV4RRFFQ69G5FAV', '', 'x'.repeat(2_000), '\u0000', '__proto__']

  const value = fc.oneof(
    fc.constantFrom<unknown>(...ids, null, true, 0, -1, 1e308, [], {}, 'note', 'job_status', 'job_cancel'),
    fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown),
  )
  const methods = fc.constantFrom(
    ...['server/discover', 'tools/list', 'tools/call', 'tasks/get', 'tasks/update', 'tasks/cancel', 'tasks/list'],
    ...['subscriptions/listen', 'initialize', 'ping', 'notifications/cancelled', 'constructor', ''],
  )
  const answer = fc.record({ action: fc.constantFrom('accept', 'decline', 'maybe'), content: value })
  const answers = fc.record({ it: fc.oneof(answer, value), ['__proto__']: answer }, { requiredKeys: [] })
  const params = fc.oneof(
    fc.record({ name: value, arguments: value, task: value, cursor: value }, { requiredKeys: [] }),
    fc.record({ taskId: value, inputResponses: fc.oneof(value, answers) }, { requiredKeys: [] }),
    fc.record(
      { name: fc.constant('asking'), arguments: fc.constant({}), requestState: value, inputResponses: answers },
      { requiredKeys: ['name'] },
    ),
    fc.record({
      notifications: fc.oneof(value, fc.record({ taskIds: fc.oneof(value, fc.array(fc.constantFrom(...ids))) })),
    }),
    fc.record({
      name: fc.constantFrom('note', 'job_status', 'job_cancel'),
      arguments: fc.record({ jobId: value, waitSeconds: fc.oneof(fc.constant(0), value) }, { requiredKeys: [] }),
    }),
  )
  const wellFormed = fc.record({
    kind: fc.constant('asked' as const),
    method: methods,
    params,
    tasks: fc.boolean(),
    elicits: fc.boolean(),
  })
  const raw = fc.record({
    kind: fc.constant('raw' as const),
    body: fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ jsonrpc: value, id: value, method: value, params: value }, { requiredKeys: [] })
        .map((one) => JSON.stringify(one)),
      fc.constantFrom(
        '['.repeat(10_000),
        `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`,
      ),
    ),
    headers: fc.dictionary(
      fc.constantFrom(
        'MCP-Protocol-Version',
        'Mcp-Method',
        'Mcp-Name',
        'Accept',
        'Content-Type',
        'Origin',
        'Last-Event-ID',
      ),
      fc.constantFrom(
        '2026-07-28',
        '2025-11-25',
        'tools/call',
        '=?base64?w?=',
        '=?base64?//8=?=',
        '*/*',
        'application/json',
        'null',
        '',
      ),
    ),
  })

  const attempt = fc.oneof(wellFormed, raw)
  type Attempt = typeof attempt extends fc.Arbitrary<infer One> ? One : never
  let answered = 0
  const check = async (one: Attempt) => {
    const signal = AbortSignal.timeout(5_000)
    const response =
      one.kind === 'raw'
        ? await server.post(one.body, { headers: one.headers, signal })
        : await server.ask(one.method, one.params, { tasks: one.tasks, elicits: one.elicits, signal })
    answered++
    expect(response.status, response.text).toBeLessThan(500)
    expect(response.text).not.toContain(secret)
    const { headers, text, body } = response
    if (headers.get('content-type') === 'text/event-stream') expect(text).toContain('data: {"jsonrpc":"2.0"')
    else if (text !== '') expect(body?.jsonrpc, text).toBe('2.0')
  }
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 8, maxLength: 8 }), async (batch) => {
      await Promise.all(batch.map(check))
    }),
    { numRuns: Math.ceil(runs / 8), seed, endOnFailure: true },
  )
  expect(answered).toBeGreaterThanOrEqual(runs)
  expect(await server.jobs.get(foreign!.jobId, { owner: 'bob' })).toMatchObject({ status: 'completed' })
  const { body } = await server.ask('server/discover')
  expect(body.result.supportedVersions).toEqual(['2026-07-28'])
}, 300_000)
