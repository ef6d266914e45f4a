import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

describe('POST /{jobId}/retry', () => {
  it('retries a job that has ended as a new job', async () => {
    const { jobId } = await api.create()
    const early = await api.post(`/${jobId}/retry`, '')
    expect([early.status, (await body(early)).type]).toEqual([409, 'urn:uketsuke:problem:job-not-finished'])
    await api.post(`/${jobId}/cancel`, '')
    const response = await api.post(`/${jobId}/retry`, '')
    const job = await body(response)
    expect([response.status, response.headers.get('location')]).toEqual([202, `/api/jobs/${job.jobId}`])
    expect(job).toMatchObject({ retryOf: jobId, status: 'pending', message: expect.any(String) })
    expect(job.jobId).not.toBe(jobId)
  })
})
