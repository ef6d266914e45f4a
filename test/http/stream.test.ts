import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { Events, stalledClient } from './raw.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

const last = (id: string) => ({ headers: { 'last-event-id': id } })
const follow = async (jobId: string, init: RequestInit & { as?: string } = {}, query = '') =>
  new Events(await api.call(`/${jobId}/stream${query}`, init))

async function started() {
  const worker = await api.jobs.work()
  const { jobId } = await api.create()
  const handler = await api.handler(jobId)
  return { worker, jobId, handler }
}

describe('a stream', () => {
  it('has header fields that prevent caching and buffering', async () => {
    const { jobId } = await api.create()
    const events = await follow(jobId)
    expect([events.response.status, Object.fromEntries(events.response.headers)]).toEqual([
      200,
      expect.objectContaining({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      }),
    ])
    await events.leave()
  })

  it('sends the current state immediately, then each change, then ends', async () => {
    const { worker, jobId, handler } = await started()
    const events = await follow(jobId)
    expect(await events.block()).toEqual({ retry: '2000' })
    expect(await events.event()).toMatchObject({ id: '2', type: 'job.snapshot', data: { jobId, status: 'running' } })
    handler.context.progress(45, 'Rendering page 3 of 7')
    expect(await events.event()).toMatchObject({
      id: '3',
      type: 'job.progress',
      timestamp: expect.stringMatching(/Z$/),
      data: { version: 3, progress: 45, progressMessage: 'Rendering page 3 of 7' },
    })
    handler.finish({ url: '/x' })
    const end = await events.event()
    expect(end).toMatchObject({ id: '4', type: 'job.completed', data: { progress: 100, output: { url: '/x' } } })
    expect(end!.data).toEqual(await body(await api.call(`/${jobId}`)))
    expect(await events.rest()).toEqual([])
    await worker.stop()
  })

  it('sends only the terminal event for a job that has ended', async () => {
    const { jobId } = await api.create()
    await api.post(`/${jobId}/cancel`, '')
    expect(await (await follow(jobId)).rest()).toEqual([
      { retry: '2000' },
      { id: '2', data: expect.stringContaining('"type":"job.cancelled"') },
    ])
  })

  it('never contains a forged event name or data line, for any text', async () => {
    const { worker, jobId, handler } = await started()
    const forged = 'a\n\nid: 99\ndata: {"type":"job.completed"}\r\r\nevent: x\u2028\u2029\u0085\0'
    const metadata = { [forged]: forged }
    const { jobId: other } = await api.create({ type: 'held', input: {}, metadata })
    const events = await follow(jobId)
    await events.event()
    handler.context.progress(1, forged)
    const change = await events.block()
    expect(Object.keys(change!)).toEqual(['id', 'data'])
    expect([change!.id, JSON.parse(change!.data!).data.progressMessage]).toEqual(['3', forged.replace('\0', '\uFFFD')])
    handler.fail(Object.assign(new Error(forged), { retryable: false }))
    const blocks = [await events.block()]
    for (const block of blocks) expect(Object.keys(block!)).toEqual(['id', 'data'])
    await events.leave()
    const others = await follow(other)
    await others.block()
    const snapshot = await others.block()
    expect([Object.keys(snapshot!), JSON.parse(snapshot!.data!).data.metadata]).toEqual([['id', 'data'], metadata])
    await others.leave()
    ;(await api.handler(other)).finish()
    await worker.stop()
  })

  it('sends a heartbeat every 15 seconds', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const events = await follow(jobId)
    await events.event()
    for (let n = 0; n < 4; n++) {
      const block = events.block()
      await until(() => api.clock.pending > timers)
      await api.clock.advance(14_999)
      expect(await Promise.race([block, Promise.resolve('quiet')])).toBe('quiet')
      await api.clock.advance(1)
      expect(await block).toEqual({ comment: true })
    }
    await events.leave()
  })

  it('sends a change after a heartbeat', async () => {
    const { worker, jobId, handler } = await started()
    const events = await follow(jobId)
    await events.event()
    const timers = api.clock.pending
    const block = events.block()
    await until(() => api.clock.pending >= timers)
    await api.clock.advance(15_000)
    expect(await block).toEqual({ comment: true })
    handler.context.progress(5)
    expect(await events.event()).toMatchObject({ type: 'job.progress', data: { progress: 5 } })
    await events.leave()
    handler.finish()
    await worker.stop()
  })

  it('releases all resources when the client disconnects', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const readers = await Promise.all(Array.from({ length: 20 }, () => follow(jobId)))
    await Promise.all(readers.map((events) => events.event()))
    await until(() => api.clock.pending > timers)
    await Promise.all(readers.map((events) => events.leave()))
    await until(() => api.clock.pending <= timers)
  })

  it('serializes a change once, not once per connection', async () => {
    const { worker, jobId, handler } = await started()
    const readers = await Promise.all(Array.from({ length: 10 }, () => follow(jobId)))
    for (const events of readers) await events.event()
    handler.context.progress(5, 'once')
    const written: number[] = []
    const { stringify } = JSON
    JSON.stringify = ((...args: Parameters<typeof stringify>) => {
      const text = stringify(...args)
      if (text?.includes('"progressMessage":"once"') && text.includes('job.progress')) written.push(1)
      return text
    }) as typeof stringify
    try {
      for (const events of readers) expect(await events.event()).toMatchObject({ type: 'job.progress' })
    } finally {
      JSON.stringify = stringify
    }
    expect(written).toHaveLength(1)
    await Promise.all(readers.map((events) => events.leave()))
    handler.finish()
    await worker.stop()
  })
})

describe('a reconnect', () => {
  it.each(['3', '4', '999'])('with a Last-Event-ID of the terminal version or later (%s) gets 204', async (id) => {
    const { worker, jobId, handler } = await started()
    handler.finish()
    expect((await (await follow(jobId)).rest()).at(-1)).toMatchObject({ id: '3' })
    const { response } = { response: await api.call(`/${jobId}/stream`, last(id)) }
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect((await api.call(`/${jobId}/stream?lastEventId=${id}`)).status).toBe(204)
    await worker.stop()
  })

  it('that missed the end gets the terminal event', async () => {
    const { worker, jobId, handler } = await started()
    handler.finish()
    const events = await follow(jobId, last('2'))
    expect(await events.event()).toMatchObject({ id: '3', type: 'job.completed' })
    expect(await events.event()).toBe(null)
    await worker.stop()
  })

  it.each(['abc', '-1', '0', '1.5', '99', '1e3', '9'.repeat(30), ''])(
    'with the id "%s" gets the snapshot',
    async (id) => {
      const { jobId } = await api.create()
      const events = await follow(jobId, last(id))
      expect(await events.event()).toMatchObject({ id: '1', type: 'job.snapshot' })
      await events.leave()
    },
  )

  it('gets what it missed, and nothing that it already has', async () => {
    const { worker, jobId, handler } = await started()
    const behind = await follow(jobId, {}, '?lastEventId=1')
    expect(await behind.event()).toMatchObject({ id: '2', type: 'job.snapshot' })
    await behind.leave()
    const level = await follow(jobId, last('2'))
    expect(await level.block()).toEqual({ retry: '2000' })
    handler.context.progress(7)
    expect(await level.event()).toMatchObject({ id: '3', type: 'job.snapshot', data: { progress: 7 } })
    await level.leave()
    handler.finish()
    await worker.stop()
  })
})

describe('while the process drains', () => {
  it('open streams end with a jittered retry', async () => {
    const { jobId } = await api.create()
    const readers = await Promise.all(Array.from({ length: 5 }, () => follow(jobId)))
    for (const events of readers) await events.event()
    const closing = api.jobs.close()
    const retries = await Promise.all(
      readers.map(async (events) => {
        const blocks = await events.rest()
        expect(blocks).toEqual([{ retry: expect.stringMatching(/^\d+$/) }])
        return Number(blocks[0]!.retry)
      }),
    )
    for (const retry of retries) expect(retry >= 1_000 && retry <= 5_000).toBe(true)
    expect(new Set(retries).size).toBeGreaterThan(1)
    await closing
  })

  it('a first connect gets 503, a reconnect gets 200 with a retry', async () => {
    const { jobId } = await api.create()
    const closing = api.jobs.close()
    const first = await api.call(`/${jobId}/stream`)
    expect([first.status, first.headers.has('retry-after')]).toEqual([503, true])
    for (const again of [await follow(jobId, last('1')), await follow(jobId, {}, '?lastEventId=1')]) {
      expect(again.response.status).toBe(200)
      expect(await again.rest()).toEqual([{ retry: expect.stringMatching(/^\d+$/) }])
    }
    await closing
  })
})

describe('a rejection', () => {
  it('for an exceeded quota is 429 for a first connect, and 200 with a retry for a reconnect', async () => {
    const { jobId } = await api.create()
    expect((await api.call(`/${jobId}/stream`, { as: 'busy' })).status).toBe(429)
    const events = await follow(jobId, { as: 'busy', headers: { 'last-event-id': '1' } })
    const [block] = await events.rest()
    expect(events.response.status).toBe(200)
    expect(Number(block!.retry)).toBeGreaterThanOrEqual(30_000)
  })
})

describe('a stalled reader', () => {
  it('is disconnected after 30 seconds, and nothing accumulates meanwhile', async () => {
    const worker = await api.jobs.work()
    const { jobId } = await api.create({ type: 'held', input: {}, metadata: { pad: 'x'.repeat(700_000) } })
    const { context, finish } = await api.handler(jobId)
    const accepted = once(api.server, 'connection')
    const client = stalledClient(
      api.port,
      `GET /api/jobs/${jobId}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\n\r\n`,
    )
    const [connection] = (await accepted) as [Socket]
    let change = 0
    const next = async () => {
      context.progress(1, `change ${++change}`)
      await api.clock.advance(100)
    }
    // Until the kernel buffers are full.
    for (let full = 0; full < 5; full = connection.writableLength > 0 ? full + 1 : 0) await next()
    const since = api.clock.now()
    const kept = connection.writableLength
    for (let n = 0; n < 50; n++) await next()
    expect((await api.jobs.get(jobId, { owner: allOwners }))?.progressMessage).toBe(`change ${change}`)
    expect([kept < 2_000_000, connection.writableLength]).toEqual([true, kept])
    await api.clock.advance(29_000 - (api.clock.now() - since))
    expect(connection.destroyed).toBe(false)
    await api.clock.advance(1_000)
    await until(() => connection.destroyed)
    client.destroy()
    finish()
    await worker.stop()
  })

  const large = { text: 'x'.repeat(12 << 20) }
  const endings = {
    'a terminal event': async (jobId: string) => (await api.handler(jobId)).finish(large),
    'a change and the final retry of a draining process': async (jobId: string) => {
      ;(await api.handler(jobId)).context.progress(1, 'one')
      void api.jobs.close()
    },
  }

  it.each(Object.entries(endings))('is disconnected 30 seconds after the last write: %s', async (_, end) => {
    const worker = await api.jobs.work()
    const metadata = { pad: 'x'.repeat(700_000) }
    const { jobId } = await api.create({ type: 'held', input: {}, metadata })
    const { context, finish } = await api.handler(jobId)
    const accepted = once(api.server, 'connection')
    const path = `/api/jobs/${jobId}/stream`
    const client = stalledClient(api.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\n\r\n`)
    const [connection] = (await accepted) as [Socket]
    await until(() => connection.bytesWritten > 700_000)
    // Until the kernel buffers are full.
    for (let n = 0; connection.writableLength === 0; n++) {
      context.progress(1, `change ${n}`)
      await api.clock.advance(100)
    }
    await end(jobId)
    await api.clock.advance(29_000)
    expect(connection.destroyed).toBe(false)
    await api.clock.advance(1_100)
    await until(() => connection.destroyed)
    client.destroy()
    finish()
    await api.clock.advance(25_000)
    await worker.stop()
  })

  it.each([
    ['the state of a job', '', 'GET'],
    ['a stream of one event', '/stream', 'GET'],
    ['a cancel', '/cancel', 'POST'],
  ])('is disconnected 30 seconds after %s of 12 MB, and a slow reader is not', async (_, path, method) => {
    const worker = await api.jobs.work()
    const { jobId } = await api.create()
    ;(await api.handler(jobId)).finish(large)
    await until(async () => (await api.jobs.get(jobId, { owner: 'alice' }))?.status === 'completed')
    const request = `${method} /api/jobs/${jobId}${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: Bearer alice\r\n\r\n`
    const connect = async () => {
      const accepted = once(api.server, 'connection')
      const client = stalledClient(api.port, request)
      const [connection] = (await accepted) as [Socket]
      await until(() => connection.writableLength > 0)
      return { client, connection }
    }
    const slow = await connect()
    const stalled = await connect()
    let [read, target] = [0, 0]
    slow.client.on('data', (chunk) => {
      read += chunk.length
      if (read > target) slow.client.pause()
    })
    for (const ms of [9_000, 9_000, 9_000, 3_100]) {
      target = read + 2_000_000
      slow.client.resume()
      await until(() => read > target)
      await api.clock.advance(ms)
    }
    await until(() => stalled.connection.destroyed)
    target = Number.POSITIVE_INFINITY
    slow.client.resume()
    await until(() => read > 12 << 20)
    slow.client.destroy()
    stalled.client.destroy()
    await worker.stop()
  })

  it('gets the newest state and the end if it resumes in time', async () => {
    const worker = await api.jobs.work()
    const { jobId } = await api.create({ type: 'held', input: {}, metadata: { pad: 'x'.repeat(700_000) } })
    const { context, finish } = await api.handler(jobId)
    const client = stalledClient(
      api.port,
      `GET /api/jobs/${jobId}/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer alice\r\n\r\n`,
    )
    for (let n = 0; n < 60; n++) {
      context.progress(1, `change ${n}`)
      await api.clock.advance(100)
    }
    finish('done')
    await until(async () => (await api.jobs.get(jobId, { owner: allOwners }))?.status === 'completed')
    let text = ''
    client.on('data', (chunk) => (text += chunk))
    client.resume()
    await once(client, 'close')
    const ids = [...text.matchAll(/\nid: (\d+)\n/g)].map(([, id]) => Number(id))
    expect(ids.length).toBeLessThan(60)
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
    expect(text).toContain('"type":"job.completed"')
    await worker.stop()
  })

  it('releases a response that is never read', async () => {
    const { jobId } = await api.create()
    const timers = api.clock.pending
    const url = `http://x/api/jobs/${jobId}/stream`
    const response = await api.jobs.fetch(new Request(url, { headers: { authorization: 'Bearer alice' } }))
    expect(api.clock.pending).toBeGreaterThan(timers)
    await api.clock.advance(30_000)
    expect(api.clock.pending).toBe(timers)
    await expect(response.text()).rejects.toThrow()
  })
})
