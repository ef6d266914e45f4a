/** Clients that are not ours follow a job to its end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import { expect, it } from 'vitest'
import { atEnd } from '../jobs/setup.ts'
import { installed } from '../servers/machine.ts'
import { until } from '../until.ts'
import { connected } from './setup.ts'

async function running() {
  const { api, client, url } = await connected()
  const worker = await api.jobs.work()
  atEnd(() => worker.stop())
  const { jobId } = await client.enqueue('held', {})
  const handler = await api.handler(jobId)
  return { api, url, jobId, handler }
}

it('the npm package eventsource, with a ticket, over a cut, to the end and not again', async () => {
  const { api, jobId, handler } = await running()
  const { streamUrl } = (await (await api.post(`/${jobId}/stream-ticket`, '')).json()) as { streamUrl: string }
  const seen: string[] = []
  const statuses: number[] = []
  const source = new EventSource(api.origin + streamUrl, {
    fetch: async (url, init) => {
      const response = await fetch(url, init)
      statuses.push(response.status)
      return response
    },
  })
  source.onmessage = ({ data }) => seen.push(JSON.parse(data).type)
  await until(() => seen.length > 0)
  api.server.closeAllConnections()
  handler.finish('done')
  await until(() => source.readyState === EventSource.CLOSED, 'closed', { more: () => String(seen) })
  expect([seen[0], seen.at(-1)]).toEqual(['job.snapshot', 'job.completed'])
  expect(statuses).toEqual([200, 200, 204])
})

it('curl -N', async () => {
  const { url, jobId, handler } = await running()
  const curl = join(
    installed(['curl'], () => ['/usr/bin'], 'curl'),
    'curl',
  )
  const child = spawn(curl, ['-sN', '-H', 'Authorization: Bearer alice', `${url}/${jobId}/stream`])
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  // Each event arrives at once.
  await until(() => output.includes('"type":"job.snapshot"'))
  handler.finish('done')
  const [code] = await once(child, 'close')
  expect([code, output.trim().split('\n').at(-1)]).toEqual([0, expect.stringContaining('"type":"job.completed"')])
})
