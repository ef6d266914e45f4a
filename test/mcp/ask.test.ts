import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createJobs, job, silentLog, sqlite, UketsukeError } from 'uketsuke'
import { manualClock } from 'uketsuke/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { type Asked, authenticate, serveTools, type ToolServer } from './setup.ts'

const any = z.object({ key: z.string().optional() })
const confirm = { message: 'Delete it?', schema: z.object({ yes: z.boolean(), why: z.string().min(3).optional() }) }
/** How often each job has run. */
const runs = new Map<string, number>()

const asking = (holdMs: number, more: object = {}) =>
  job({
    description: 'Asks before it deletes.',
    mcp: { holdMs },
    input: any,
    run: async ({ ask }) => ask('confirm', { ...confirm, ...more }),
  })

const types = {
  task: asking(0),
  held: asking(20_000),
  brief: asking(0, { within: 5_000 }),
  rounds: job({
    description: 'Asks twice.',
    mcp: { holdMs: 20_000 },
    input: any,
    run: async ({ ask }) => {
      const { content } = await ask('first', { message: 'First?', schema: z.object({ a: z.string() }) })
      const last = await ask('second', { message: 'Second?', schema: z.object({ b: z.enum(['x', 'y']) }) })
      return { ...content, ...last.content }
    },
  }),
  flaky: job({
    description: 'Fails after its first answer.',
    mcp: { holdMs: 0 },
    backoff: { base: 0 },
    input: any,
    run: async ({ ask, attempt, jobId }) => {
      runs.set(jobId, attempt)
      const first = await ask('first', { message: 'First?' })
      if (attempt === 1) throw new Error('It broke.')
      return [first.action, (await ask('second', { message: 'Second?' })).action]
    },
  }),
  even: job({
    description: 'Asks for an even number, in a thread.',
    mcp: { holdMs: 20_000 },
    input: any,
    isolation: 'thread',
    run: new URL('./asks.mjs', import.meta.url),
  }),
  wrong: job({
    description: 'Asks what no form can show.',
    mcp: { holdMs: 20_000 },
    input: any,
    maxAttempts: 1,
    run: async ({ ask }) => ask('it', { message: 'It?', schema: z.object({ it: z.object({}) }) }),
  }),
}

const plain: Asked = { tasks: false, elicits: true }
const withTasks: Asked = { elicits: true }
const accept = (content: object) => ({ action: 'accept', content })

let server: ToolServer<typeof types>
beforeAll(async () => {
  server = await serveTools(types)
  await server.jobs.work({ concurrency: 50 })
  return () => server.close()
})

/** Calls a tool. `more` has what a repeated call adds. */
const call = async (name: string, asked: Asked, more: object = {}, given: object = {}) =>
  (await server.ask('tools/call', { name, arguments: given, ...more }, asked)).body
const update = async (taskId: string, inputResponses: object, asked = withTasks) =>
  (await server.ask('tasks/update', { taskId, inputResponses }, asked)).body
const task = async (taskId: string, on: Pick<typeof server, 'ask'> = server) =>
  (await on.ask('tasks/get', { taskId }, withTasks)).body.result
/** A task, once it asks. */
const asks = (taskId: string, on: Pick<typeof server, 'ask'> = server) =>
  until(async () => {
    const found = await task(taskId, on)
    return found.status === 'input_required' ? found : null
  })
const ended = (taskId: string, on: Pick<typeof server, 'ask'> = server) =>
  until(async () => {
    const found = await task(taskId, on)
    return ['completed', 'cancelled', 'failed'].includes(found.status) ? found : null
  })
const start = async (name: string, on: Pick<typeof server, 'ask'> = server): Promise<string> =>
  (await on.ask('tools/call', { name, arguments: {} }, withTasks)).body.result.taskId

describe('a task that asks', () => {
  it('says what it needs, and goes on with the answer', async () => {
    const taskId = await start('task')
    expect(await asks(taskId)).toMatchObject({
      statusMessage: 'Waiting for an answer: Delete it?',
      inputRequests: {
        confirm: {
          method: 'elicitation/create',
          params: {
            mode: 'form',
            message: 'Delete it?',
            requestedSchema: {
              type: 'object',
              properties: { yes: { type: 'boolean' }, why: { type: 'string', minLength: 3 } },
              required: ['yes'],
            },
          },
        },
      },
    })
    const { result } = await update(taskId, { confirm: accept({ yes: true, more: 'left out' }) })
    expect(result).toEqual({ resultType: 'complete', _meta: expect.anything() })
    const { structuredContent } = (await ended(taskId)).result
    expect(structuredContent).toEqual(accept({ yes: true }))
  })

  it.each(['decline', 'cancel'])('can be told to %s', async (action) => {
    const taskId = await start('task')
    await asks(taskId)
    await update(taskId, { confirm: { action } })
    expect((await ended(taskId)).result.structuredContent).toEqual({ action, content: null })
  })

  it('refuses an answer that does not fit, and goes on asking', async () => {
    const taskId = await start('task')
    await asks(taskId)
    for (const [answer, pointer] of [
      [accept({ yes: 'yes' }), '/confirm/content/yes'],
      [accept({ yes: true, why: 'x' }), '/confirm/content/why'],
      [{ action: 'maybe' }, '/confirm/action'],
      [null, '/confirm/action'],
    ] as const) {
      const { error } = await update(taskId, { confirm: answer })
      expect(error).toMatchObject({ code: -32602, data: { errors: [{ pointer }] } })
      expect(error.message).toContain(`${pointer}: It must be`)
    }
    expect((await update(taskId, [])).error.code).toBe(-32602)
    expect((await asks(taskId)).inputRequests).toHaveProperty('confirm')
    await update(taskId, { confirm: { action: 'decline' } })
    await ended(taskId)
  })

  it('ignores answers to what it does not ask, and a second answer', async () => {
    const taskId = await start('flaky')
    await asks(taskId)
    expect(await update(taskId, { second: { action: 'accept' }, __proto__: 1, x: 'y' })).toHaveProperty('result')
    expect((await task(taskId)).status).toBe('input_required')
    await update(taskId, { first: { action: 'decline' } })
    expect(await update(taskId, { first: { action: 'accept' } })).toHaveProperty('result')
    // A later attempt gets the first answer at once, and asks the next question.
    const { inputRequests } = await until(async () => {
      const found = await task(taskId)
      return found.inputRequests?.second === undefined ? null : found
    })
    expect(Object.keys(inputRequests)).toEqual(['second'])
    expect(runs.get(taskId)).toBe(2)
    await update(taskId, { second: { action: 'cancel' } })
    expect((await ended(taskId)).result.structuredContent).toEqual(['decline', 'cancel'])
    expect(await update(taskId, { second: { action: 'accept' } })).toHaveProperty('result')
  })

  it('belongs to its owner', async () => {
    const taskId = await start('task')
    await asks(taskId)
    const foreign = await update(taskId, { confirm: { action: 'accept' } }, { ...withTasks, as: 'bob' })
    const absent = await update('01ARZ3NDEKTSV4RRFFQ69G5FAV', { confirm: { action: 'accept' } })
    expect(foreign.error).toEqual(absent.error)
    expect(await asks(taskId)).toBeTruthy()
    await server.ask('tasks/cancel', { taskId })
    // Nobody can answer any more, and the handler has stopped to wait.
    const { status, inputRequests } = await ended(taskId)
    expect([status, inputRequests]).toEqual(['cancelled', undefined])
  })

  it('does not ask a client that cannot show forms, which its owner may answer elsewhere', async () => {
    const taskId = await start('task')
    await asks(taskId)
    const { status, inputRequests } = (await server.ask('tasks/get', { taskId })).body.result
    expect([status, inputRequests]).toEqual(['working', undefined])
    const owner = { owner: 'ann' }
    expect(await server.jobs.questions(taskId, owner)).toMatchObject([
      { name: 'confirm', message: 'Delete it?', schema: { type: 'object' }, askedAt: expect.any(String) },
    ])
    const wrong = server.jobs.answer(taskId, 'confirm', { action: 'accept' }, owner)
    await expect(wrong).rejects.toMatchObject({ code: 'validation-error' })
    await server.jobs.answer(taskId, 'confirm', accept({ yes: false }) as { action: 'accept' }, owner)
    await ended(taskId)
    const late = server.jobs.answer(taskId, 'confirm', { action: 'decline' }, owner)
    await expect(late).rejects.toBeInstanceOf(UketsukeError)
  })

  it('is told to those who listen', async () => {
    const taskId = await start('task')
    await asks(taskId)
    const response = await server.open('subscriptions/listen', { notifications: { taskIds: [taskId] } }, withTasks)
    await update(taskId, { confirm: accept({ yes: true }) })
    const text = await response.text()
    const sent = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!).params ?? {})
    const seen = sent.flatMap(({ status, inputRequests }) =>
      status ? [[status, Object.keys(inputRequests ?? {})]] : [],
    )
    expect(seen).toContainEqual(['input_required', ['confirm']])
    expect(seen.at(-1)).toEqual(['completed', []])
  })
})

describe('a call that waits for its job', () => {
  it('returns each question, and the result in the end, also to a client without tasks', async () => {
    const first = (await call('rounds', plain)).result
    expect(first).toMatchObject({ resultType: 'input_required', inputRequests: { first: expect.anything() } })
    expect(first).not.toHaveProperty('taskId')
    const { requestState } = first
    // Without an answer, it asks again.
    const again = (await call('rounds', plain, { requestState })).result
    expect(Object.keys(again.inputRequests)).toEqual(['first'])
    const wrong = await call('rounds', plain, { requestState, inputResponses: { first: accept({ a: 1 }) } })
    expect(wrong.error).toMatchObject({ code: -32602, data: { errors: [{ pointer: '/first/content/a' }] } })
    const second = (await call('rounds', plain, { requestState, inputResponses: { first: accept({ a: 'A' }) } })).result
    expect(Object.keys(second.inputRequests)).toEqual(['second'])
    const inputResponses = { second: accept({ b: 'y' }), unknown: 1 }
    const last = (await call('rounds', plain, { requestState: second.requestState, inputResponses })).result
    expect(last).toMatchObject({ resultType: 'complete', structuredContent: { a: 'A', b: 'y' } })
    // One job did all of it.
    const { items } = await server.jobs.list({ owner: 'ann', type: 'rounds' })
    expect(items.map(({ status }) => status)).toEqual(['completed'])
  })

  it('goes on only with its own state, for its own owner', async () => {
    const { requestState, inputRequests } = (await call('held', plain, {}, { key: 'a' })).result
    expect(Object.keys(inputRequests)).toEqual(['confirm'])
    const inputResponses = { confirm: accept({ yes: true }) }
    const flipped = requestState.replace(/.$/, (last: string) => (last === 'A' ? 'B' : 'A'))
    for (const [name, state, given, as] of [
      ['held', flipped, { key: 'a' }, 'ann'],
      ['held', `${requestState}A`, { key: 'a' }, 'ann'],
      ['held', 'forged', { key: 'a' }, 'ann'],
      ['held', 7, { key: 'a' }, 'ann'],
      ['held', requestState, { key: 'b' }, 'ann'],
      ['rounds', requestState, { key: 'a' }, 'ann'],
      ['held', requestState, { key: 'a' }, 'bob'],
    ] as const) {
      const { error } = await call(name, { ...plain, as }, { requestState: state, inputResponses }, given)
      expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('requestState') })
    }
    const { result } = await call('held', plain, { requestState, inputResponses }, { key: 'a' })
    expect(result.structuredContent).toEqual(accept({ yes: true }))
  })

  it('asks through job_status what a job asks later', async () => {
    const { jobId } = (await call('task', plain)).result.structuredContent
    const status = (more: object = {}) => call('job_status', plain, more, { jobId, waitSeconds: 20 })
    const { resultType, requestState } = (await status()).result
    expect(resultType).toBe('input_required')
    const inputResponses = { confirm: { action: 'decline' } }
    const { result } = await status({ requestState, inputResponses })
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { action: 'decline' } })
  })

  it('asks again in other words what the schema of an isolated handler refuses', async () => {
    const first = (await call('even', plain)).result
    const answer = (n: number, name: string, { requestState }: { requestState: string }) =>
      call('even', plain, { requestState, inputResponses: { [name]: accept({ n }) } })
    const second = (await answer(3, 'number', first)).result
    const { message } = second.inputRequests['number (2)'].params
    expect(message).toBe('An even number?\n\nThe last answer was refused: n: It is odd.')
    expect((await answer(4, 'number (2)', second)).result.structuredContent).toEqual({ n: 4 })
  })

  it('fails if its handler asks what no form can show', async () => {
    const { result } = await call('wrong', plain)
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('The field it of a') }] })
  })
})

it('the official client shows each question, and gets the result', async () => {
  const capabilities = { elicitation: { form: {} } }
  const versionNegotiation = { mode: { pin: '2026-07-28' } } as const
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities, versionNegotiation })
  const seen: unknown[] = []
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    seen.push(params.message)
    const content: Record<string, string> = params.message === 'First?' ? { a: 'A' } : { b: 'x' }
    return { action: 'accept', content }
  })
  const requestInit = { headers: { Authorization: 'Bearer ann' } }
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.origin), { requestInit }))
  const { structuredContent } = await client.callTool({ name: 'rounds', arguments: { key: 'official' } })
  expect(structuredContent).toEqual({ a: 'A', b: 'x' })
  expect(seen).toEqual(['First?', 'Second?'])
  await client.close()
})

describe('a question', () => {
  it('that nobody answers ends its attempt for good', async () => {
    const clock = manualClock()
    const other = await serveTools({ brief: types.brief }, { clock })
    atEnd(() => other.close())
    await other.jobs.work()
    const taskId = await start('brief', other)
    await asks(taskId, other)
    await clock.jump(5_000)
    const late = await other.ask(
      'tasks/update',
      { taskId, inputResponses: { confirm: { action: 'accept' } } },
      withTasks,
    )
    expect(late.body).toHaveProperty('result')
    expect((await ended(taskId, other)).result).toMatchObject({
      isError: true,
      content: [{ text: 'Nobody has answered the question "confirm" in time.' }],
    })
    expect(await other.jobs.get(taskId, { owner: 'ann' })).toMatchObject({
      attempt: 1,
      error: { code: 'not-answered' },
    })
  })

  it('is answered in one process and waited for in another, which may have started since', async () => {
    const file = tempFile()
    const front = await serveTools({ flaky: types.flaky }, { store: sqlite(file) })
    atEnd(() => front.close())
    const open = () => createJobs({ jobs: { flaky: types.flaky }, store: sqlite(file), log: silentLog, authenticate })
    const workers = [open(), open()]
    atEnd(async () => void (await Promise.all(workers.map((jobs) => jobs.close()))))
    const first = await workers[0]!.work({ drain: 0 })
    const taskId = await start('flaky', front)
    await asks(taskId, front)
    await first.stop()
    // The job waits for a worker: it can be answered, too.
    const inputResponses = { first: { action: 'accept' } }
    await front.ask('tasks/update', { taskId, inputResponses }, withTasks)
    expect((await task(taskId, front)).status).toBe('working')
    await workers[1]!.work()
    await asks(taskId, front)
    await front.ask('tasks/update', { taskId, inputResponses: { second: { action: 'decline' } } }, withTasks)
    expect((await ended(taskId, front)).result.structuredContent).toEqual(['accept', 'decline'])
  })
})
