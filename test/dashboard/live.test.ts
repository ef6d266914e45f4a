import { expect, it } from 'vitest'
import { allOwners } from '../../packages/uketsuke/src/index.ts'
import { withDashboard } from './setup.ts'

/** The events of a live page, as they arrive. */
async function follow(dashboard: (request: Request) => Promise<Response>, of: string) {
  const left = new AbortController()
  const url = `https://ops.example/dashboard/dashboard-api/live?of=${encodeURIComponent(of)}`
  const response = await dashboard(new Request(url, { signal: left.signal }))
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    response,
    async event() {
      for (;;) {
        const end = text.indexOf('\n\n')
        const block = end === -1 ? '' : text.slice(0, end)
        if (end !== -1) text = text.slice(end + 2)
        if (block.startsWith('data: ')) return JSON.parse(block.slice(6))
        if (end !== -1) continue
        const { done, value } = await reader.read()
        if (done) return null
        text += value
      }
    },
    leave: () => reader.cancel(),
  }
}

it('sends a page whenever what it shows has changed', async () => {
  const { jobs, dashboard } = withDashboard()
  const { jobId } = await jobs.enqueue('report', {})
  const live = await follow(dashboard, `jobs/${jobId}`)
  expect(live.response.headers.get('content-type')).toContain('text/event-stream')
  expect(await live.event()).toMatchObject({ data: { job: { status: 'pending' } }, slowedTo: null })
  await jobs.cancel(jobId, { owner: allOwners })
  expect(await live.event()).toMatchObject({ data: { job: { status: 'cancelled' } } })
  await live.leave()
})

it('notices a change by another process', async () => {
  const { jobs, dashboard } = withDashboard()
  await jobs.ready()
  const live = await follow(dashboard, 'jobs?status=pending')
  expect((await live.event()).data.items).toEqual([])
  await jobs.enqueue('report', {})
  expect((await live.event()).data.items).toHaveLength(1)
  await live.leave()
})

it('ends when the process drains', async () => {
  const { jobs, dashboard } = withDashboard()
  const live = await follow(dashboard, 'types')
  await live.event()
  await jobs.close()
  expect(await live.event()).toBe(null)
})

it('responds with the problem of its page instead of a stream', async () => {
  const { dashboard } = withDashboard({ authorize: () => false })
  expect((await follow(dashboard, 'jobs')).response.status).toBe(403)
  const { dashboard: open } = withDashboard()
  expect((await follow(open, 'jobs?nonsense=1')).response.status).toBe(400)
  expect((await follow(open, 'nonsense')).response.status).toBe(404)
  expect((await follow(open, 'live?of=live')).response.status).toBe(404)
})
