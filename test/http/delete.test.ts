import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

describe('DELETE /{jobId}', () => {
  it('deletes only jobs that have ended', async () => {
    const { jobId } = await api.create()
    expect((await api.call(`/${jobId}`, { method: 'DELETE' })).status).toBe(409)
    await api.post(`/${jobId}/cancel`, '')
    const response = await api.call(`/${jobId}`, { method: 'DELETE' })
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect((await api.call(`/${jobId}`)).status).toBe(404)
  })
})
