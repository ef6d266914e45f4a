import { describe, expect, it } from 'vitest'
import {
  createClient,
  JobCancelledError,
  JobFailedError,
  type JobView,
  RequestError,
} from '../../packages/client/src/index.ts'
import { UnrecoverableError } from '../../packages/uketsuke/src/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { connected } from './setup.ts'

const working = async (api: Awaited<ReturnType<typeof connected>>['api']) => {
  const worker = await api.jobs.work()
  atEnd(() => worker.stop())
}

describe('enqueue', () => {
  it('resolves with a handle that is not thenable, and whose result is the output', async () => {
    const { api, client } = await connected()
    await working(api)
    const handle = await client.enqueue('report', { pages: 3 })
    expect(handle).not.toHaveProperty('then')
    expect(handle.jobId).toMatch(/^[0-9A-Z]{26}$/)
    expect(handle.job).toMatchObject({ status: 'pending', type: 'report' })
    expect(await handle.result()).toEqual({ pages: 3 })
    expect(handle.job).toMatchObject({ status: 'completed', progress: 100, output: { pages: 3 } })
  })

  it('sends every option', async () => {
    const { api, client } = await connected()
    const runAt = new Date(api.clock.now() + 60_000)
    const webhookUrl = 'http://127.0.0.1:9/hook'
    const options = { idempotencyKey: 'one', priority: 'high', runAt, metadata: { a: 1 }, webhookUrl } as const
    const { job, jobId } = await client.enqueue('held', {}, options)
    expect(job).toMatchObject({ priority: 'high', runAt: runAt.toISOString(), metadata: { a: 1 }, webhookUrl })
    expect((await client.enqueue('held', {}, options)).jobId).toBe(jobId)
    await expect(client.enqueue('held', { other: 1 }, options)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    })
  })

  it('creates one job when the response is lost, since it repeats the request with the same key', async () => {
    let lost = 0
    const { api, client, requests } = await connected({
      fetch: async (url, init) => {
        const response = await fetch(url, init)
        if (init?.method !== 'POST' || lost++ > 0) return response
        await response.body?.cancel()
        throw new TypeError('Failed to fetch')
      },
    })
    await client.enqueue('held', {})
    expect(requests).toEqual(['POST ', 'POST '])
    expect((await api.jobs.list({ owner: 'alice' })).items).toHaveLength(1)
  })

  it('repeats after 503, and gives up after five tries', async () => {
    const { client, requests, front } = await connected()
    let left = 2
    front.disturb = (_, res) => {
      if (left-- <= 0) return false
      res.writeHead(503, { 'retry-after': '0' }).end()
      return true
    }
    await client.enqueue('held', {})
    expect(requests).toHaveLength(3)
    left = 99
    const error = await client.enqueue('held', {}).catch((error) => error)
    expect(error).toBeInstanceOf(RequestError)
    expect([error.status, error.code, requests.length]).toEqual([503, 'unexpected-response', 8])
  })

  it('does not repeat a 4xx, and names every invalid part', async () => {
    const { client, requests } = await connected()
    const invalid = await client.enqueue('report', { pages: 0 }).catch((error) => error)
    expect(invalid).toMatchObject({ name: 'RequestError', status: 422, code: 'validation-error' })
    expect(invalid.errors).toEqual([{ pointer: '/input/pages', detail: expect.any(String) }])
    const wrong = client.enqueue('nonsense' as never, {} as never)
    await expect(wrong).rejects.toMatchObject({ code: 'unknown-job-type', message: expect.any(String) })
    expect(requests).toHaveLength(2)
  })

  it('rejects with the reason of its signal', async () => {
    const { client } = await connected()
    const reason = new Error('left the page')
    await expect(client.enqueue('held', {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('says that the server cannot be reached', async () => {
    const { client, front } = await connected()
    front.disturb = (_, res) => Boolean(res.destroy())
    const error = await client.enqueue('held', {}).catch((error) => error)
    expect([error.status, error.code, error.cause]).toEqual([0, 'network-error', expect.any(TypeError)])
  })
})

describe('a handle', () => {
  it('throws the typed error of a failed and of a cancelled job', async () => {
    const { api, client } = await connected()
    await working(api)
    const failing = await client.enqueue('held', {})
    ;(await api.handler(failing.jobId)).fail(new UnrecoverableError('No paper'))
    const failed = (await failing.result().catch((error) => error)) as JobFailedError
    expect(failed).toBeInstanceOf(JobFailedError)
    expect(failed.job).toMatchObject({ status: 'failed', jobId: failing.jobId })
    expect([failed.code, failed.message]).toEqual([failed.job.error.code, failed.job.error.message])
    const other = await client.enqueue('held', {})
    await api.handler(other.jobId)
    expect(await other.cancel()).toMatchObject({ status: 'running', cancelRequestedAt: expect.any(String) })
    await expect(other.result()).rejects.toBeInstanceOf(JobCancelledError)
  })

  it('calls onUpdate with each newer state, the terminal one included', async () => {
    const { api, client } = await connected()
    const handle = await client.enqueue('held', {})
    const seen: JobView[] = []
    const result = handle.result({ onUpdate: (job) => void seen.push(job) })
    await working(api)
    const { context, finish } = await api.handler(handle.jobId)
    await until(() => seen.at(-1)?.status === 'running')
    context.progress(40, 'almost half')
    await until(() => seen.at(-1)?.progress === 40)
    finish('done')
    expect(await result).toBe('done')
    expect(seen.map(({ status, progress }) => [status, progress])).toEqual([
      ['pending', 0],
      ['running', 0],
      ['running', 40],
      ['completed', 100],
    ])
  })

  it('is iterable up to the terminal state, without an error for a failed job', async () => {
    const { client, requests } = await connected()
    const handle = await client.enqueue('held', {})
    const statuses: string[] = []
    for await (const job of handle) {
      statuses.push(job.status)
      if (job.status === 'pending') await handle.cancel()
    }
    expect(statuses).toEqual(['pending', 'cancelled'])
    for await (const job of client.job(handle.jobId)) {
      expect(job.status).toBe('cancelled')
      break
    }
    expect(requests.filter((one) => one.startsWith('GET'))).toEqual(Array(2).fill(expect.stringContaining('/events')))
  })

  it('takes up a job by its id, of any type or of one', async () => {
    const { api, client, requests } = await connected()
    const { jobId } = await client.enqueue('report', { pages: 2 })
    requests.length = 0
    const handle = client.job(jobId)
    expect([handle.job, requests]).toEqual([undefined, []])
    expect(await handle.get()).toMatchObject({ jobId, status: 'pending' })
    const notFound = { name: 'RequestError', status: 404, code: 'job-not-found' }
    await expect(client.job('held', jobId).get()).rejects.toMatchObject(notFound)
    await expect(client.job('held', jobId).result()).rejects.toMatchObject(notFound)
    await working(api)
    const { pages } = await client.job('report', jobId).result()
    expect(pages).toBe(2)
  })

  it('retries and removes a job that has ended', async () => {
    const { client } = await connected()
    const handle = await client.enqueue('held', {})
    await expect(handle.retry()).rejects.toMatchObject({ status: 409, code: 'job-not-finished' })
    await handle.cancel()
    const again = await handle.retry()
    expect(again.job).toMatchObject({ retryOf: handle.jobId, status: 'pending' })
    await handle.remove()
    await expect(handle.get()).rejects.toMatchObject({ code: 'job-not-found' })
  })

  it('stops waiting when its signal aborts, and the job goes on', async () => {
    const { api, client } = await connected()
    const handle = await client.enqueue('held', {})
    const left = new AbortController()
    const result = handle.result({ signal: left.signal })
    left.abort(new Error('left'))
    await expect(result).rejects.toThrow('left')
    await expect(handle.result({ signal: left.signal })).rejects.toThrow('left')
    expect(await api.jobs.get(handle.jobId, { owner: 'alice' })).toMatchObject({ status: 'pending' })
  })

  it('rejects with what onUpdate throws', async () => {
    const { client } = await connected()
    const handle = await client.enqueue('held', {})
    const broken = handle.result({
      onUpdate: () => {
        throw new Error('of the page')
      },
    })
    await expect(broken).rejects.toThrow('of the page')
  })

  it('rejects when the job is unknown or of another owner', async () => {
    const { api, client } = await connected()
    const { jobId } = await api.create(undefined, 'bob')
    for (const id of [jobId, '01JD0000000000000000000000', 'a/../b?c#d']) {
      await expect(client.job(id).get()).rejects.toMatchObject({ code: 'job-not-found' })
    }
  })

  it('does not resolve without the output, with a credential that may not read it', async () => {
    const { api, client, url } = await connected()
    await working(api)
    const writer = createClient<{ report: { input: { pages: number }; output: unknown } }>({ url, token: 'writer' })
    await (await client.enqueue('report', { pages: 1 }, { idempotencyKey: 'w' })).result()
    const handle = await writer.enqueue('report', { pages: 1 }, { idempotencyKey: 'w' })
    expect(handle.job).toMatchObject({ status: 'completed', outputOmitted: true })
    await expect(handle.result()).rejects.toMatchObject({ status: 403, code: 'forbidden' })
  })

  it('sends an id from elsewhere, such as a URL, to its own route only', async () => {
    const { client, requests } = await connected()
    const id = '../../admin?x=1,01JD0000000000000000000000#y'
    await expect(client.job(id).result()).rejects.toMatchObject({ code: 'job-not-found' })
    for (const request of requests)
      expect(request).toMatch(/^GET \/(events\?jobs=)?\.\.%2F\.\.%2Fadmin%3Fx%3D1%2C\w+%23y$/)
  })

  it('goes on when a subscriber throws', async () => {
    const { client } = await connected()
    const handle = await client.enqueue('held', {})
    const thrown: unknown[] = []
    const catching = (error: unknown) => void thrown.push(error)
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').on('uncaughtException', catching)
    try {
      handle.subscribe(() => {
        throw new Error('of the page')
      })
      const result = handle.result().catch((error) => error)
      await handle.cancel()
      expect(await result).toBeInstanceOf(JobCancelledError)
      expect(thrown).toContainEqual(new Error('of the page'))
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of before) process.on('uncaughtException', listener)
    }
  })

  it('gives the output of a job whose enqueue was replayed after its end', async () => {
    const { api, client, requests } = await connected()
    await working(api)
    const first = await client.enqueue('report', { pages: 1 }, { idempotencyKey: 'k' })
    await first.result()
    requests.length = 0
    const again = await client.enqueue('report', { pages: 1 }, { idempotencyKey: 'k' })
    expect([await again.result(), requests.length <= 2]).toEqual([{ pages: 1 }, true])
  })
})

describe('list', () => {
  it('gives pages of own jobs, filtered', async () => {
    const { client } = await connected()
    const first = await client.enqueue('held', {})
    const second = await client.enqueue('report', { pages: 1 })
    await first.cancel()
    const page = await client.list({ limit: 1 })
    expect(page.items.map(({ jobId }) => jobId)).toEqual([second.jobId])
    const rest = await client.list({ cursor: page.nextCursor ?? '' })
    expect(rest).toMatchObject({ items: [{ jobId: first.jobId }], nextCursor: null })
    expect((await client.list({ status: ['pending', 'running'], type: 'report' })).items).toHaveLength(1)
    expect((await client.list({ status: 'cancelled', type: undefined } as never)).items).toHaveLength(1)
  })
})

describe('credentials', () => {
  it('come from functions that are called for every request, and are renewed once after a 401', async () => {
    const asked: boolean[] = []
    const { client } = await connected({
      token: async ({ renew }) => {
        asked.push(renew)
        return renew ? 'alice' : 'expired'
      },
    })
    await client.enqueue('held', {})
    expect(asked).toEqual([false, true])
    await client.list()
    expect(asked).toEqual([false, true, false, true])
  })

  it('reject with unauthorized when renewing does not help', async () => {
    const { client, requests } = await connected({ token: () => 'expired' })
    await expect(client.list()).rejects.toMatchObject({ status: 401, code: 'unauthorized' })
    expect(requests).toHaveLength(2)
    const { client: fixed, requests: once } = await connected({ token: 'expired' })
    await expect(fixed.list()).rejects.toMatchObject({ status: 401 })
    expect(once).toHaveLength(1)
  })

  it('may be header fields', async () => {
    const { client } = await connected({ token: null, headers: () => ({ Authorization: 'Bearer bob' }) })
    expect((await client.list()).items).toEqual([])
    const { client: fixed } = await connected({ token: null, headers: [['authorization', 'Bearer bob']] })
    expect((await fixed.list()).items).toEqual([])
  })
})
