import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../until.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

describe('POST /{jobId}/cancel', () => {
  it('cancels a pending job immediately', async () => {
    const { jobId } = await api.create()
    const response = await api.post(`/${jobId}/cancel`, '')
    expect([response.status, response.headers.get('etag')]).toEqual([200, 'W/"2"'])
    expect(await body(response)).toMatchObject({ status: 'cancelled' })
    const again = await api.post(`/${jobId}/cancel`, '')
    expect([again.status, again.headers.get('etag')]).toEqual([200, 'W/"2"'])
  })

  it('requests cancellation of a running job', async () => {
    const worker = await api.jobs.work()
    const { jobId } = await api.create()
    const { context } = await api.handler(jobId)
    const response = await api.post(`/${jobId}/cancel`, '')
    expect(response.status).toBe(202)
    expect(await body(response)).toMatchObject({ status: 'running', cancelRequestedAt: expect.any(String) })
    await until(() => context.signal.aborted)
    expect(await body(await api.call(`/${jobId}`, { headers: { prefer: 'wait=60' } }))).toMatchObject({
      status: 'cancelled',
    })
    await worker.stop()
  })
})
