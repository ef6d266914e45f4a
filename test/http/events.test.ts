/** `GET /events`: many jobs on one connection. */
import { EventSource } from 'eventsource'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/index.ts'
import { tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { Events } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

const follow = async (query: string, init: RequestInit & { as?: string } = {}) =>
  new Events(await api.call(`/events${query}`, init))
const ids = (jobs: { jobId: string }[]) => jobs.map(({ jobId }) => jobId).join(',')

describe('the stream of named jobs', () => {
  it('sends the state of each, then each change, and ends after the last terminal event', async () => {
    const jobs = [await api.create(), await api.create(), await api.create()]
    const [a, b, c] = jobs.map(({ jobId }) => jobId) as [string, string, string]
    await api.post(`/${a}/cancel`, '')
    const events = await follow(`?jobs=${ids(jobs)}`)
    expect(events.response.headers.get('content-type')).toBe('text/event-stream')
    expect(await events.block()).toEqual({ retry: '2000' })
    const first = [await events.event(), await events.event(), await events.event()]
    expect(first.map((event) => [event!.id, event!.type])).toEqual([
      [`${a}:2`, 'job.cancelled'],
      [`${b}:1`, 'job.snapshot'],
      [`${c}:1`, 'job.snapshot'],
    ])
    const worker = await api.jobs.work()
    ;(await api.handler(b)).finish('of b')
    ;(await api.handler(c)).finish('of c')
    const rest = (await events.rest()).map(({ id, data }) => [id, data && JSON.parse(data).type])
    expect(rest.filter(([, type]) => type === 'job.progress').map(([id]) => id)).toEqual([`${b}:2`, `${c}:2`])
    expect(rest.filter(([, type]) => type === 'job.completed').map(([id]) => id)).toEqual([`${b}:3`, `${c}:3`])
    expect(rest.at(-1)).toEqual(['end', undefined])
    await worker.stop()
  })

  it('leaves out foreign, absent and malformed ids, as if absent', async () => {
    const own = await api.create()
    const foreign = await api.create(undefined, 'bob')
    await api.post(`/${own.jobId}/cancel`, '')
    const named = `${foreign.jobId},${own.jobId},01JD0000000000000000000000,nonsense,,${own.jobId}`
    const seen = await (await follow(`?jobs=${named}`)).rest()
    expect(seen.map(({ id }) => id)).toEqual([undefined, `${own.jobId}:2`, 'end'])
    expect((await (await follow('?jobs=')).rest()).map(({ id }) => id)).toEqual([undefined, 'end'])
    expect((await (await follow(`?jobs=${foreign.jobId}`)).rest()).map(({ id }) => id)).toEqual([undefined, 'end'])
  })

  it('gives the present state of each on a reconnect, and 204 once the client has all terminal states', async () => {
    const jobs = [await api.create(), await api.create()]
    const cut = await follow(`?jobs=${ids(jobs)}`)
    const first = await cut.event()
    await cut.leave()
    for (const { jobId } of jobs) await api.post(`/${jobId}/cancel`, '')
    const again = await follow(`?jobs=${ids(jobs)}`, { headers: { 'last-event-id': first!.id } })
    expect((await again.rest()).map(({ id }) => id)).toEqual([
      undefined,
      ...jobs.map(({ jobId }) => `${jobId}:2`),
      'end',
    ])
    const done = await api.call(`/events?jobs=${ids(jobs)}`, { headers: { 'last-event-id': 'end' } })
    expect(done.status).toBe(204)
  })

  it('is followed by the EventSource of npm', async () => {
    const jobs = [await api.create(), await api.create()]
    const worker = await api.jobs.work()
    const source = new EventSource(`${api.origin}/api/jobs/events?jobs=${ids(jobs)}`, {
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization: 'Bearer alice' } }),
    })
    const completed = new Set<string>()
    source.onmessage = ({ data }) => {
      const event = JSON.parse(data)
      if (event.type === 'job.completed') completed.add(event.data.jobId)
    }
    for (const { jobId } of jobs) (await api.handler(jobId)).finish()
    await until(() => completed.size === 2)
    source.close()
    await worker.stop()
  })

  it('takes at most 100 jobs', async () => {
    const response = await api.call(`/events?jobs=${Array(101).fill('x').join(',')}`)
    expect([response.status, (await body(response)).title]).toEqual([400, expect.any(String)])
    expect((await api.call(`/events?jobs=${Array(100).fill('x').join(',')}`)).status).toBe(200)
  })

  it('requires the scope jobs:read, and counts as one stream', async () => {
    expect((await api.call('/events', { as: 'writer' })).status).toBe(403)
    expect((await api.call('/events', { as: '' })).status).toBe(401)
    expect((await api.call('/events', { method: 'HEAD' })).status).toBe(405)
    expect((await api.call('/events?job=x')).status).toBe(400)
    expect((await api.call('/events', { headers: { accept: 'application/json' } })).status).toBe(406)
  })

  it('ends when the process drains, and is refused softly on a reconnect', async () => {
    const { jobId } = await api.create()
    const events = await follow(`?jobs=${jobId}`)
    await events.event()
    void api.jobs.close()
    const rest = await events.rest()
    expect(rest.map(({ retry, id }) => [Number(retry) >= 1_000, id])).toEqual([[true, undefined]])
    expect((await api.call(`/events?jobs=${jobId}`)).status).toBe(503)
    const soft = await api.call(`/events?jobs=${jobId}`, { headers: { 'last-event-id': `${jobId}:1` } })
    expect([soft.status, await soft.text()]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)])
  })
})

describe('the stream of all own jobs', () => {
  it('sends every change of the caller’s jobs from now on, and nothing of others', async () => {
    const before = await api.create()
    const events = await follow('')
    expect(await events.block()).toEqual({ retry: '2000' })
    const foreign = await api.create(undefined, 'bob')
    const { jobId } = await api.create()
    expect(await events.event()).toMatchObject({ id: `${jobId}:1`, type: 'job.snapshot', data: { status: 'pending' } })
    await api.post(`/${before.jobId}/cancel`, '')
    expect(await events.event()).toMatchObject({ id: `${before.jobId}:2`, type: 'job.cancelled' })
    const worker = await api.jobs.work()
    const { finish } = await api.handler(jobId)
    expect(await events.event()).toMatchObject({ id: `${jobId}:2`, type: 'job.progress' })
    finish({ done: true })
    expect(await events.event()).toMatchObject({
      id: `${jobId}:3`,
      type: 'job.completed',
      data: { output: { done: true } },
    })
    await events.leave()
    ;(await api.handler(foreign.jobId)).finish()
    await worker.stop()
  })

  it('begins with the present states on a reconnect', async () => {
    const waiting = await api.create()
    const ended = await api.create()
    await api.post(`/${ended.jobId}/cancel`, '')
    const events = await follow('', { headers: { 'last-event-id': `${waiting.jobId}:1` } })
    expect(await events.event()).toMatchObject({ id: `${waiting.jobId}:1`, type: 'job.snapshot' })
    expect(await events.event()).toMatchObject({ id: `${ended.jobId}:2`, type: 'job.cancelled' })
    await api.clock.advance(5 * 60_000 + 1)
    const later = await follow('?lastEventId=x')
    expect(await later.event()).toMatchObject({ id: `${waiting.jobId}:1` })
    await api.post(`/${waiting.jobId}/cancel`, '')
    expect(await later.event()).toMatchObject({ id: `${waiting.jobId}:2` })
    await events.leave()
    await later.leave()
  })

  it('sends a retry and jobs of a batch', async () => {
    const { jobId } = await api.create()
    await api.post(`/${jobId}/cancel`, '')
    const events = await follow('')
    const again = await body(await api.post(`/${jobId}/retry`, ''))
    expect(await events.event()).toMatchObject({ id: `${again.jobId}:1`, data: { retryOf: jobId } })
    const batch = await api.jobs.enqueueMany('held', [{}, {}, {}], { owner: 'alice' })
    for (const job of batch) expect(await events.event()).toMatchObject({ id: `${job.jobId}:1` })
    await events.leave()
  })

  it('sends no webhook delivery', async () => {
    const worker = await api.jobs.work()
    const events = await follow('')
    const { jobId } = await api.create({ type: 'held', input: {}, webhookUrl: 'http://127.0.0.1:9/' })
    ;(await api.handler(jobId)).finish()
    const { jobId: other } = await api.create()
    const seen: string[] = []
    while (!seen.includes(`${other}:2`)) seen.push((await events.event())!.id)
    expect(seen.every((id) => id.startsWith(jobId) || id.startsWith(other))).toBe(true)
    await events.leave()
    ;(await api.handler(other)).finish()
    await worker.stop()
  })
})

it('sends the jobs that another process creates and works on', async () => {
  const path = tempFile()
  const here = await serve({ store: sqlite(path) })
  const there = await serve({ store: sqlite(path), clock: here.clock })
  try {
    const events = new Events(await here.call('/events'))
    await events.block()
    const { jobId } = await there.create()
    const created = events.event()
    await here.clock.advance(2_000)
    expect(await created).toMatchObject({ id: `${jobId}:1`, type: 'job.snapshot' })
    await there.post(`/${jobId}/cancel`, '')
    const cancelled = events.event()
    await here.clock.advance(2_000)
    expect(await cancelled).toMatchObject({ id: `${jobId}:2`, type: 'job.cancelled' })
    await events.leave()
  } finally {
    await there.close()
    await here.close()
  }
})
