/** `GET /batches/{batchId}`: the jobs that one call has created. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { until } from '../until.ts'
import { Events } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

const enqueue = async (count = 3) => {
  const inputs = Array.from({ length: count }, (_, n) => ({ n }))
  return api.jobs.enqueueMany('held', inputs, { owner: 'alice' })
}

/** The rest of a stream, while the clock goes on. */
async function restOf(events: Events) {
  let over = false
  const rest = events.rest().finally(() => {
    over = true
  })
  for (let i = 0; i < 200 && !over; i++) {
    await api.clock.advance(500)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return rest
}

it('counts the jobs by status, with an ETag that follows each change', async () => {
  const made = await enqueue()
  const path = `/batches/${made.batchId}`
  const first = await api.call(path)
  expect([first.status, first.headers.get('retry-after')]).toEqual([200, '1'])
  expect(await body(first)).toEqual({
    ...{ batchId: made.batchId, total: 3, pending: 3, running: 0, completed: 0, failed: 0, cancelled: 0, progress: 0 },
    ...{ createdAt: made[0]!.createdAt, completedAt: null },
    ...{ statusUrl: `/api/jobs${path}`, streamUrl: `/api/jobs${path}/stream` },
  })
  expect(made.map(({ batchId }) => batchId)).toEqual(Array(3).fill(made.batchId))
  const tag = first.headers.get('etag')!
  expect((await api.call(path, { headers: { 'If-None-Match': tag } })).status).toBe(304)
  await api.jobs.cancel(made[0]!.jobId, { owner: 'alice' })
  const second = await api.call(path, { headers: { 'If-None-Match': tag } })
  expect(await body(second)).toMatchObject({ total: 3, pending: 2, cancelled: 1, progress: 33, completedAt: null })
  for (const { jobId } of made.slice(1)) await api.jobs.cancel(jobId, { owner: 'alice' })
  const ended = await api.call(path)
  expect(ended.headers.get('retry-after')).toBeNull()
  const last = await body(ended)
  expect(last).toMatchObject({ cancelled: 3, progress: 100, completedAt: expect.any(String) })
  expect(await api.jobs.batch(made.batchId, { owner: 'alice' })).toEqual(last)
  // Jobs that are deleted are not counted.
  await api.jobs.remove(made[0]!.jobId, { owner: 'alice' })
  expect(await api.jobs.batch(made.batchId, { owner: 'alice' })).toMatchObject({ total: 2, cancelled: 2 })
})

it('belongs to its owner; other ids look like unknown ones', async () => {
  const { batchId, 0: one } = await enqueue()
  expect((await api.call(`/batches/${batchId}`, { as: 'bob' })).status).toBe(404)
  expect(await api.jobs.batch(batchId, { owner: 'bob' })).toBeNull()
  for (const id of [one!.jobId, 'nonsense', '', '01JD0000000000000000000000', `${batchId}/more`]) {
    expect([id, (await api.call(`/batches/${id}`)).status]).toEqual([id, 404])
  }
  expect((await api.call(`/batches/${batchId}`, { method: 'POST' })).status).toBe(405)
  expect((await api.call(`/batches/${batchId}?x=1`)).status).toBe(400)
  expect((await api.call(`/batches/${batchId}/stream`, { as: 'bob' })).status).toBe(404)
})

it('a single job and its retry belong to no batch', async () => {
  const job = await api.create()
  expect(job).not.toHaveProperty('batchId')
  const [first] = await enqueue(1)
  await api.jobs.cancel(first!.jobId, { owner: 'alice' })
  expect(await api.jobs.retry(first!.jobId, { owner: 'alice' })).not.toHaveProperty('batchId')
})

it('streams the counts up to the end of the last job', async () => {
  const made = await enqueue(2)
  const events = new Events(await api.call(`/batches/${made.batchId}/stream`))
  expect(events.response.headers.get('content-type')).toBe('text/event-stream')
  expect(await events.block()).toEqual({ retry: '2000' })
  const first = await events.block()
  expect(JSON.parse(first!.data!)).toMatchObject({ total: 2, pending: 2 })
  const worker = await api.jobs.work()
  for (const { jobId } of made) (await api.handler(jobId)).finish('done')
  const rest = await restOf(events)
  const last = rest.at(-1)!
  expect(JSON.parse(last.data!)).toMatchObject({ completed: 2, progress: 100, completedAt: expect.any(String) })
  expect(rest.slice(0, -1).every(({ data }) => JSON.parse(data!).completedAt === null)).toBe(true)
  // A client that has the last counts does not connect again.
  const again = await api.call(`/batches/${made.batchId}/stream`, { headers: { 'Last-Event-ID': last.id! } })
  expect(again.status).toBe(204)
  await worker.stop()
})

it('a stream ends when the jobs are deleted, and when its reader leaves', async () => {
  const made = await enqueue(1)
  const events = new Events(await api.call(`/batches/${made.batchId}/stream`))
  await events.block()
  await events.block()
  await api.jobs.cancel(made[0]!.jobId, { owner: 'alice' })
  await api.jobs.remove(made[0]!.jobId, { owner: 'alice' })
  expect(await restOf(events)).toEqual([])
  const other = await enqueue(1)
  const timers = api.clock.pending
  const left = new AbortController()
  const reading = await api.call(`/batches/${other.batchId}/stream`, { signal: left.signal })
  expect(api.clock.pending).toBeGreaterThan(timers)
  left.abort()
  await expect(reading.text()).rejects.toThrow()
  await until(() => api.clock.pending <= timers)
})
