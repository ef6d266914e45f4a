import { JobError, job } from 'uketsuke'
import { manualClock } from 'uketsuke/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { atEnd, gate } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { type Answer, authenticate, serveTools } from './setup.ts'

const held = gate()
const any = z.object({})

const types = {
  quick: job({
    description: 'Answers.',
    mcp: { holdMs: 20_000 },
    input: z.object({ text: z.string().max(5).optional() }),
    run: ({ input }) => input.text ?? { ok: true },
  }),
  slow: job({
    description: 'Runs until it is told to end.',
    mcp: { holdMs: 0 },
    input: any,
    run: async ({ progress, signal }) => {
      await progress(40, 'Drawing')
      await Promise.race([
        held.passed,
        new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason))),
      ])
    },
  }),
  endless: job({
    description: 'Runs until it is cancelled.',
    mcp: { holdMs: 0 },
    input: any,
    run: ({ signal }) => new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason))),
  }),
  patient: job({
    description: 'Runs until it is cancelled.',
    mcp: { holdMs: 20_000 },
    unique: { key: ({ input }) => input.key },
    input: z.object({ key: z.string() }),
    run: ({ signal }) => new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason))),
  }),
  files: job({
    description: 'Saves a file and writes.',
    mcp: { holdMs: 20_000 },
    stream: 'text',
    input: any,
    run: async ({ files, output }) => {
      await output.write('Once upon ')
      await output.write('a time')
      await files.save('Bericht für Ann.txt', 'the report')
    },
  }),
  lines: job({
    description: 'Writes JSON.',
    mcp: { holdMs: 20_000 },
    stream: 'json',
    input: any,
    run: async ({ output }) => {
      await output.write({ n: 1 })
      await output.write([2])
      return [3]
    },
  }),
  broken: job({
    description: 'Fails.',
    mcp: { holdMs: 20_000 },
    input: z.object({ publicly: z.boolean() }),
    maxAttempts: 1,
    run: ({ input }) => {
      throw input.publicly ? new JobError('The printer is out of paper.') : new Error('secret: the password')
    },
  }),
  crashing: job({
    description: 'Ends its thread.',
    mcp: { holdMs: 0 },
    input: any,
    maxAttempts: 1,
    isolation: 'thread',
    run: new URL('./exits.mjs', import.meta.url),
  }),
  strict: job({ description: 'Needs tasks.', mcp: { requiresTasks: true }, input: any, run: () => 'done' }),
}

/** How many requests have come. */
let arrived = 0
let server: Awaited<ReturnType<typeof serveTools<typeof types>>>
beforeAll(async () => {
  server = await serveTools(types, {
    authenticate(request) {
      arrived++
      return authenticate(request)
    },
  })
  await server.jobs.work({ concurrency: 50 })
  return () => server.close()
})

const call = (name: string, given: object = {}, asked = {}) =>
  server.ask('tools/call', { name, arguments: given }, asked)
const task = async (taskId: string, asked = {}) => server.ask('tasks/get', { taskId }, asked)
const terminal = (taskId: string) =>
  until(async () => {
    const { result } = (await task(taskId)).body
    return result.status === 'working' ? null : result
  })
const text = (sentence: string) => ({ type: 'text', text: sentence })

describe('a call', () => {
  it('is answered with the result of a job that ends in time', async () => {
    expect((await call('quick')).body.result).toMatchObject({
      resultType: 'complete',
      content: [text('{"ok":true}')],
      structuredContent: { ok: true },
    })
    expect((await call('quick', { text: 'hello' })).body.result).toMatchObject({
      content: [text('hello')],
      structuredContent: 'hello',
    })
  })

  it('is answered with a task otherwise, which can be asked for at once', async () => {
    const { result } = (await call('slow')).body
    expect(result).toEqual({
      resultType: 'task',
      taskId: expect.stringMatching(/^[0-9A-Z]{26}$/),
      status: 'working',
      statusMessage: 'Waiting to run',
      createdAt: expect.stringMatching(/^2\d{3}-.*Z$/),
      lastUpdatedAt: result.createdAt,
      ttlMs: null,
      pollIntervalMs: 1_000,
      _meta: expect.anything(),
    })
    await until(async () => (await task(result.taskId)).body.result.statusMessage === '40 %: Drawing')
    expect((await task(result.taskId)).body.result).toMatchObject({ resultType: 'complete', status: 'working' })
    expect(await server.jobs.get(result.taskId, { owner: 'ann' })).toMatchObject({ type: 'slow', status: 'running' })
    held.open()
    const ended = await terminal(result.taskId)
    expect(ended).toMatchObject({ status: 'completed', result: { content: [text('The job has completed.')] } })
    const { createdAt, expiresAt } = (await server.jobs.get(result.taskId, { owner: 'ann' }))!
    expect(ended.ttlMs).toBe(Date.parse(expiresAt!) - Date.parse(createdAt))
    expect(ended).not.toHaveProperty('pollIntervalMs')
  })

  it('tells the model what is wrong with its arguments', async () => {
    const { status, body } = await call('quick', { text: 'too long' })
    expect(status).toBe(200)
    expect(body.result).toMatchObject({ isError: true, content: [text(expect.stringContaining('/text: '))] })
  })

  it('of an unknown tool, or with arguments that are no object, is refused', async () => {
    for (const params of [{ name: 'none' }, { name: 'job_status' }, { name: 'quick', arguments: [] }, { name: 7 }, {}])
      expect((await server.ask('tools/call', params)).body.error, JSON.stringify(params)).toMatchObject({
        code: -32602,
      })
  })

  it('returns the text that was written, and links to the files, which need no credential', async () => {
    const { content } = (await call('files')).body.result
    expect(content).toEqual([
      text('Once upon a time'),
      {
        type: 'resource_link',
        uri: expect.stringContaining(`${server.origin}/api/jobs/`),
        name: 'Bericht für Ann.txt',
        mimeType: 'text/plain; charset=utf-8',
        size: 10,
      },
    ])
    expect(await (await fetch(content[1].uri)).text()).toBe('the report')
  })

  it('returns what was written as JSON, before the output', async () => {
    const { content, structuredContent } = (await call('lines')).body.result
    expect(content).toEqual([text('[{"n":1},[2]]'), text('[3]')])
    expect(structuredContent).toEqual([3])
  })

  it('of a tool that fails has an error, without what is not public', async () => {
    const failing = (message: string) => ({ content: [text(message)], isError: true })
    const printer = 'The printer is out of paper.'
    expect((await call('broken', { publicly: true })).body.result).toMatchObject(failing(printer))
    const hidden = await call('broken', { publicly: false })
    expect(hidden.body.result).toMatchObject(failing('The job failed because of an error on the server.'))
    expect(hidden.text).not.toContain('secret')
  })

  it('of a tool that needs tasks is refused to a client without them', async () => {
    const { status, body } = await call('strict', {}, { tasks: false })
    expect([status, body.error.code, body.error.data]).toEqual([
      400,
      -32021,
      { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
    ])
    expect((await call('strict')).body.result.content).toEqual([text('done')])
  })
})

describe('a client that leaves during a call', () => {
  const running = async () => (await server.jobs.list({ owner: 'ann', type: 'patient', status: 'running' })).items
  /** Calls, and leaves when the call has arrived and its job runs. Resolves with the jobs that run then. */
  const leaves = async (key: string, jobs = 1) => {
    const leaving = new AbortController()
    const before = arrived
    const params = { name: 'patient', arguments: { key } }
    const answer = server.open('tools/call', params, { signal: leaving.signal }).catch((error: Error) => error.name)
    await until(async () => arrived > before && (await running()).length === jobs)
    const ids = (await running()).map(({ jobId }) => jobId)
    leaving.abort()
    expect(await answer).toBe('AbortError')
    return ids
  }
  const isCancelled = (jobId = '') =>
    until(async () => (await server.jobs.get(jobId, { owner: 'ann' }))?.status === 'cancelled')

  it('has cancelled it', async () => {
    const [jobId] = await leaves('a')
    await isCancelled(jobId)
  })

  it('does not cancel a job that another request has created', async () => {
    const { jobId } = await server.jobs.enqueue('patient', { key: 'b' }, { owner: 'ann' })
    expect(await leaves('b')).toEqual([jobId])
    // A later call is cancelled meanwhile.
    await isCancelled((await leaves('c', 2)).find((id) => id !== jobId))
    expect((await server.jobs.get(jobId, { owner: 'ann' }))?.cancelRequestedAt).toBeNull()
    await server.jobs.cancel(jobId, { owner: 'ann' })
  })
})

describe('a task', () => {
  it('can be cancelled, also when it has ended', async () => {
    const { taskId } = (await call('endless')).body.result
    const cancel = async () => (await server.ask('tasks/cancel', { taskId })).body.result
    const empty = { resultType: 'complete', _meta: expect.anything() }
    expect(await cancel()).toEqual(empty)
    const ended = await terminal(taskId)
    expect(ended).toMatchObject({
      status: 'cancelled',
      statusMessage: 'The job was cancelled.',
      ttlMs: expect.any(Number),
    })
    expect(ended).not.toHaveProperty('result')
    expect(await cancel()).toEqual(empty)
    expect(await terminal(taskId)).toEqual(ended)
  })

  it('has failed if the system did, of which job_status tells the model', async () => {
    const { taskId } = (await call('crashing')).body.result
    const ended = await terminal(taskId)
    expect(ended).toMatchObject({
      status: 'failed',
      error: { code: -32603, message: ended.statusMessage, data: { code: 'handler-crashed' } },
    })
    expect(ended).not.toHaveProperty('result')
    const told = await call('job_status', { jobId: taskId }, { tasks: false })
    expect(told.body.result).toMatchObject({ isError: true, content: [text(ended.statusMessage)] })
  })

  it('asks for no input, so that answers are ignored', async () => {
    const { taskId } = (await call('endless')).body.result
    const { result } = (await server.ask('tasks/update', { taskId, inputResponses: { unknown: {} } })).body
    expect(result).toEqual({ resultType: 'complete', _meta: expect.anything() })
    await server.ask('tasks/cancel', { taskId })
  })

  it('of another owner, of nobody, and one that has expired get the same answer', async () => {
    const clock = manualClock()
    const other = await serveTools({ quick: types.quick }, { clock })
    atEnd(() => other.close())
    await other.jobs.work()
    const { jobId } = await other.jobs.enqueue('quick', {}, { owner: 'ann' })
    await until(async () => (await other.jobs.get(jobId, { owner: 'ann' }))?.completedAt)
    const own = await other.ask('tasks/get', { taskId: jobId })
    expect(own.body.result.status).toBe('completed')
    const bytes = async (method: string, taskId: string, as: string) => {
      const { status, text } = await other.ask(method, { taskId, inputResponses: {} }, { as })
      // Each request has its own id, which its response repeats.
      return [status, text.replace(/"id":\d+/, '"id":0')]
    }
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const absent = await bytes(method, '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'ann')
      expect(absent[1]).toContain('-32602')
      expect(await bytes(method, jobId, 'bob')).toEqual(absent)
      expect(await bytes(method, 'no id', 'ann')).toEqual(absent)
    }
    const absent = await bytes('tasks/get', '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'ann')
    await clock.jump(31 * 86_400_000)
    expect(await bytes('tasks/get', jobId, 'ann')).toEqual(absent)
    await clock.jump(86_400_000)
    expect(await bytes('tasks/get', jobId, 'ann')).toEqual(absent)
  })

  it('needs a client with tasks', async () => {
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const { status, body } = await server.ask(method, { taskId: 'x' }, { tasks: false })
      expect([status, body.error.code]).toEqual([400, -32021])
    }
  })
})

describe('a credential', () => {
  const refused = ({ status, body }: Answer) => [status, body.error?.data?.code]

  it('needs the scope of what it does', async () => {
    const taskId = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
    expect(refused(await call('quick', {}, { as: 'ann/jobs:read' }))).toEqual([403, 'forbidden'])
    expect(refused(await task(taskId, { as: 'ann/jobs:create' }))).toEqual([403, 'forbidden'])
    const cancel = await server.ask('tasks/cancel', { taskId }, { as: 'ann/jobs:read' })
    expect(refused(cancel)).toEqual([403, 'forbidden'])
  })

  it('that may not read gets no output', async () => {
    const { result } = (await call('quick', {}, { as: 'ann/jobs:create' })).body
    expect(result).not.toHaveProperty('structuredContent')
    expect(result.content[0].text).toContain('may not read its output')
  })
})

describe('a client without tasks', () => {
  const plain = { tasks: false }

  it('gets the id of a job that goes on, and asks for it with job_status', async () => {
    const { jobId } = await server.jobs.enqueue('patient', { key: 'd' }, { owner: 'ann' })
    const asked = await call('job_status', { jobId, waitSeconds: 0 }, plain)
    expect(asked.body.result.structuredContent).toMatchObject({ jobId, progress: 0 })
    expect(asked.body.result.content[0].text).toContain(`{"jobId":"${jobId}"}`)
    const [cancelled, waited] = [call('job_cancel', { jobId }, plain), call('job_status', { jobId }, plain)]
    expect((await cancelled).status).toBe(200)
    expect((await waited).body.result).toMatchObject({ isError: true, content: [text('The job was cancelled.')] })
  })

  it('gets the result of a job that has ended', async () => {
    const { jobId } = await server.jobs.enqueue('quick', {}, { owner: 'ann' })
    const { result } = (await call('job_status', { jobId }, plain)).body
    expect(result).toMatchObject({ content: [text('{"ok":true}')], structuredContent: { ok: true } })
  })

  it('is told of a job that is not there, in the same words for one of another owner', async () => {
    const { jobId } = await server.jobs.enqueue('quick', {}, { owner: 'bob' })
    for (const name of ['job_status', 'job_cancel'])
      for (const id of [jobId, '01ARZ3NDEKTSV4RRFFQ69G5FAV', 7, undefined])
        expect((await call(name, { jobId: id }, plain)).body.result).toMatchObject({
          isError: true,
          content: [text('There is no such job.')],
        })
    expect((await call('job_status', { jobId, waitSeconds: 51 }, plain)).body.result.isError).toBe(true)
  })
})
