import { type JobContext, job } from 'uketsuke'
import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { until } from '../until.ts'
import { type Asked, serveTools } from './setup.ts'

const running = new Map<string, { context: JobContext<object>; finish(output: unknown): void }>()
const types = {
  held: job({
    description: 'Runs until a test ends it.',
    mcp: { holdMs: 0 },
    input: z.object({}),
    run: (context): Promise<unknown> => new Promise((finish) => running.set(context.jobId, { context, finish })),
  }),
}

let server: Awaited<ReturnType<typeof serveTools<typeof types>>>
beforeAll(async () => {
  server = await serveTools(types, { quotas: { streamsPerOwner: 3 } })
  await server.jobs.work({ concurrency: 50 })
  return () => server.close()
})

const start = async (as = 'ann') => {
  const { taskId } = (await server.ask('tools/call', { name: 'held' }, { as })).body.result
  return { taskId, ...(await until(() => running.get(taskId))) }
}

/** Opens a subscription. `next` resolves with the next message, or with null at the end. */
async function listen(notifications: object, asked: Asked = {}) {
  const leaving = new AbortController()
  const response = await server.open('subscriptions/listen', { notifications }, { ...asked, signal: leaving.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let buffer = ''
  const next = async (): Promise<{
    method?: string
    params?: Record<string, unknown>
    result?: unknown
    id?: number
  } | null> => {
    for (;;) {
      const end = buffer.indexOf('\n\n')
      if (end === -1) {
        const { done, value } = await reader.read()
        if (done) return null
        buffer += value
        continue
      }
      const block = buffer.slice(0, end)
      buffer = buffer.slice(end + 2)
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) return JSON.parse(data)
    }
  }
  return { response, next, leave: () => leaving.abort() }
}

it('acknowledges, tells each version of a task, and responds when it has ended', async () => {
  const { taskId, context, finish } = await start()
  const { response, next } = await listen({ taskIds: [taskId] })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('x-accel-buffering')).toBe('no')
  const first = await next()
  const key = 'io.modelcontextprotocol/subscriptionId'
  const _meta = { [key]: expect.any(Number) }
  expect(first).toEqual({
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { taskIds: [taskId] }, _meta },
  })
  expect(await next()).toMatchObject({ method: 'notifications/tasks', params: { taskId, status: 'working', _meta } })
  await context.progress(50, 'Half')
  expect(await next()).toMatchObject({ params: { statusMessage: '50 %: Half' } })
  finish({ done: true })
  let last = await next()
  while (last?.params?.status === 'working') last = await next()
  const { result } = (await server.ask('tasks/get', { taskId })).body
  const { resultType: _, _meta: __, ...task } = result
  expect(last).toEqual({ jsonrpc: '2.0', method: 'notifications/tasks', params: { ...task, _meta } })
  expect(task.result.structuredContent).toEqual({ done: true })
  expect(await next()).toEqual({
    jsonrpc: '2.0',
    id: Object(first?.params?._meta)[key],
    result: { resultType: 'complete', _meta },
  })
  expect(await next()).toBeNull()
})

it('follows only the tasks of the owner, and many at once', async () => {
  const [mine, other, foreign] = await Promise.all([start(), start(), start('bob')])
  const asked = [mine.taskId, foreign.taskId, '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'x', other.taskId]
  const { next } = await listen({ taskIds: asked })
  expect((await next())?.params?.notifications).toEqual({ taskIds: [mine.taskId, other.taskId] })
  foreign.finish('foreign')
  mine.finish('mine')
  other.finish('other')
  const seen = new Set<unknown>()
  for (let message = await next(); message?.method !== undefined; message = await next())
    seen.add(message.params?.taskId)
  expect(seen).toEqual(new Set([mine.taskId, other.taskId]))
})

it('ends at once if there is nothing to follow', async () => {
  for (const notifications of [{}, { toolsListChanged: true }, { taskIds: ['x'] }]) {
    const { next } = await listen(notifications)
    expect((await next())?.method).toBe('notifications/subscriptions/acknowledged')
    expect(await next()).toHaveProperty('result')
    expect(await next()).toBeNull()
  }
})

it('refuses clients without tasks, and lists that are wrong or too long', async () => {
  const refused = async (notifications: unknown, asked: Asked = {}) => {
    const { status, body } = await server.ask('subscriptions/listen', { notifications }, asked)
    return [status, body.error.code]
  }
  expect(await refused({ taskIds: ['x'] }, { tasks: false })).toEqual([400, -32021])
  expect(await refused({ taskIds: ['x'] }, { as: 'ann/jobs:create' })).toEqual([403, -32000])
  for (const wrong of [null, [], { taskIds: 'x' }, { taskIds: [7] }, { taskIds: Array(101).fill('x') }])
    expect(await refused(wrong)).toEqual([200, -32602])
})

it('counts as an open stream, until the client leaves', async () => {
  const { taskId, finish } = await start('carl')
  const streams = await Promise.all([1, 2, 3].map(() => listen({ taskIds: [taskId] }, { as: 'carl' })))
  const { status, body } = await server.ask(
    'subscriptions/listen',
    { notifications: { taskIds: [taskId] } },
    { as: 'carl' },
  )
  expect([status, body.error.data]).toEqual([429, { code: 'quota-exceeded' }])
  for (const { leave } of streams) leave()
  await until(async () => {
    const { response, leave } = await listen({ taskIds: [taskId] }, { as: 'carl' })
    leave()
    return response.status === 200
  })
  finish(null)
})
