import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../until.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

const tags = (value: string) => ({ headers: { 'if-none-match': value } })
const wait = (seconds: number, tag?: string) => ({
  headers: { prefer: `wait=${seconds}`, ...(tag !== undefined && { 'if-none-match': tag }) },
})

async function held(answer: Promise<unknown>, timers: number) {
  await until(() => api.clock.pending > timers)
  expect(await Promise.race([answer, Promise.resolve('held')])).toBe('held')
}

describe('GET /{jobId}', () => {
  it('returns the current state and Retry-After', async () => {
    const { jobId } = await api.create()
    const response = await api.call(`/${jobId}`)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      etag: 'W/"1"',
      'cache-control': 'private, no-cache',
      'retry-after': '1',
    })
    expect(await body(response)).toMatchObject({ jobId, status: 'pending', queuePosition: 1, completedAt: null })
  })

  it('responds with 200 for every outcome, without Retry-After for a terminal job', async () => {
    const { jobId } = await api.create()
    await api.post(`/${jobId}/cancel`, '')
    const response = await api.call(`/${jobId}`)
    expect([response.status, response.headers.has('retry-after'), response.headers.get('etag')]).toEqual([
      200,
      false,
      'W/"2"',
    ])
    expect(await body(response)).toMatchObject({ status: 'cancelled', error: { code: 'cancelled', retryable: false } })
  })

  it('increases Retry-After the longer a job runs', async () => {
    const worker = await api.jobs.work()
    const { jobId } = await api.create()
    await api.handler(jobId)
    const asked = async () => (await api.call(`/${jobId}`)).headers.get('retry-after')
    expect(await asked()).toBe('1')
    await api.clock.advance(11_000)
    expect(await asked()).toBe('2')
    ;(await api.handler(jobId)).finish()
    await worker.stop()
  })

  it('includes the input only on request', async () => {
    const { jobId } = await api.create({ type: 'held', input: { deep: [1] } })
    expect(await body(await api.call(`/${jobId}`))).not.toHaveProperty('input')
    expect(await body(await api.call(`/${jobId}?include=input`))).toMatchObject({ input: { deep: [1] } })
  })

  it.each(['W/"1"', '"1"', '*', 'W/"7", W/"1"', '"x,y",  W/"1"'])('If-None-Match: %s → 304', async (value) => {
    const { jobId } = await api.create()
    const response = await api.call(`/${jobId}`, tags(value))
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, 'W/"1"', ''])
  })

  it.each(['W/"2"', '1', '"11"', ''])('If-None-Match: %s → 200', async (value) => {
    const { jobId } = await api.create()
    expect((await api.call(`/${jobId}`, tags(value))).status).toBe(200)
  })

  it('responds to HEAD with the same header fields and no body', async () => {
    const { jobId } = await api.create()
    const [get, head] = [await api.call(`/${jobId}`), await api.call(`/${jobId}`, { method: 'HEAD' })]
    expect([head.status, await head.text(), head.headers.get('etag')]).toEqual([200, '', get.headers.get('etag')])
    expect((await api.call('/01ARZ3NDEKTSV4RRFFQ69G5FAV', { method: 'HEAD' })).status).toBe(404)
  })
})

describe('GET with Prefer: wait', () => {
  it('without If-None-Match, responds at the terminal state', async () => {
    const { jobId } = await api.create({ type: 'report', input: { pages: 2 } })
    const timers = api.clock.pending
    const answer = api.call(`/${jobId}`, wait(30))
    await held(answer, timers)
    const worker = await api.jobs.work()
    const response = await answer
    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, 'wait=30'])
    expect(await body(response)).toMatchObject({ status: 'completed', output: { pages: 2 } })
    await worker.stop()
  })

  it('responds with 200 and the current state at the timeout', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const answer = api.call(`/${jobId}`, wait(3))
    await held(answer, timers)
    await api.clock.advance(3_000)
    expect([(await answer).status, (await body(await answer)).status]).toEqual([200, 'pending'])
    expect(api.clock.pending).toBe(timers)
  })

  it('with the current ETag, responds at the next version', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const answer = api.call(`/${jobId}`, wait(30, 'W/"1"'))
    await held(answer, timers)
    const worker = await api.jobs.work()
    expect((await answer).status).toBe(200)
    expect(await body(await answer)).toMatchObject({ status: 'running', version: 2 })
    ;(await api.handler(jobId)).finish()
    await worker.stop()
  })

  it('with the current ETag, responds with 304 at the timeout', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const answer = api.call(`/${jobId}`, wait(3, '*'))
    await held(answer, timers)
    await api.clock.advance(3_000)
    expect([(await answer).status, (await answer).headers.get('preference-applied')]).toEqual([304, 'wait=3'])
  })

  it('responds immediately with another ETag or for a terminal job', async () => {
    const { jobId } = await api.create()
    expect((await api.call(`/${jobId}`, wait(60, 'W/"7"'))).status).toBe(200)
    await api.post(`/${jobId}/cancel`, '')
    expect((await api.call(`/${jobId}`, wait(60))).status).toBe(200)
    expect((await api.call(`/${jobId}`, wait(60, 'W/"2"'))).status).toBe(304)
  })

  it('ignores malformed values', async () => {
    const { jobId } = await api.create()
    const response = await api.call(`/${jobId}`, { headers: { prefer: 'wait=soon' } })
    expect([response.status, response.headers.has('preference-applied')]).toEqual([200, false])
  })

  it('releases a client that disconnects', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const gone = new AbortController()
    const answer = api.call(`/${jobId}`, { ...wait(60), signal: gone.signal })
    await until(() => api.clock.pending > timers)
    gone.abort()
    await expect(answer).rejects.toThrow()
    await until(() => api.clock.pending <= timers)
    expect((await body(await api.call(`/${jobId}`))).status).toBe('pending')
  })

  it('responds immediately when the process drains', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const answer = api.call(`/${jobId}`, wait(60))
    await held(answer, timers)
    const closing = api.jobs.close()
    expect((await answer).status).toBe(200)
    await closing
  })
})
