import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeEach(async () => {
  api = await serve()
})
afterEach(() => api.close())

describe('GET /', () => {
  const ids = (page: Record<string, unknown>) => (page.items as { jobId: string }[]).map(({ jobId }) => jobId)

  it("returns the caller's jobs in pages, newest first", async () => {
    const made: string[] = []
    for (let n = 0; n < 5; n++) made.unshift((await api.create()).jobId)
    await api.create(undefined, 'bob')
    const first = await api.call('?limit=2&status=pending')
    const page = await body(first)
    expect([first.status, first.headers.get('cache-control'), ids(page)]).toEqual([
      200,
      'private, no-cache',
      made.slice(0, 2),
    ])
    expect(first.headers.get('link')).toBe(`</api/jobs?limit=2&status=pending&cursor=${page.nextCursor}>; rel="next"`)
    const second = await body(await api.call(`?limit=2&cursor=${page.nextCursor}`))
    expect(ids(second)).toEqual(made.slice(2, 4))
    const third = await api.call(`?limit=2&cursor=${second.nextCursor}`)
    expect(third.headers.has('link')).toBe(false)
    expect(await body(third)).toMatchObject({ items: [{ jobId: made[4] }], nextCursor: null })
  })

  it('returns 20 jobs by default', async () => {
    for (let n = 0; n < 21; n++) await api.create()
    expect(ids(await body(await api.call('')))).toHaveLength(20)
  })

  it('filters by status, repeated or comma-separated, and by type', async () => {
    const waiting = (await api.create()).jobId
    const report = (await api.create({ type: 'report', input: { pages: 1 } })).jobId
    const gone = (await api.create()).jobId
    await api.post(`/${gone}/cancel`, '')
    const listed = async (query: string) => ids(await body(await api.call(query)))
    expect(await listed('?status=cancelled')).toEqual([gone])
    expect(await listed('?status=cancelled,pending')).toEqual([gone, report, waiting])
    expect(await listed('?status=cancelled&status=pending&type=held')).toEqual([gone, waiting])
    expect(await listed('?type=none')).toEqual([])
  })
})
