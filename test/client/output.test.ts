import { describe, expect, it } from 'vitest'
import type { OutputChunk } from '../../packages/client/src/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { connected } from './setup.ts'

async function working() {
  const { api, client, front } = await connected()
  const worker = await api.jobs.work()
  atEnd(() => worker.stop())
  return { api, client, front }
}

/** Reads all output in the background. */
function reading(output: AsyncIterable<OutputChunk>) {
  const runs = new Map<number, string>()
  const done = (async () => {
    for await (const { run, text = '' } of output) runs.set(run, (runs.get(run) ?? '') + text)
  })()
  return { runs, done }
}

describe('output', () => {
  it('is read while it is written, and ends with the job', async () => {
    const { api, client } = await working()
    const handle = await client.enqueue('held', {})
    const { context, finish } = await api.handler(handle.jobId)
    const { runs, done } = reading(handle.output())
    await context.output.write('Hello, ')
    await until(() => runs.get(1) === 'Hello, ')
    void context.output.write('wörld')
    finish()
    await done
    expect([...runs]).toEqual([[1, 'Hello, wörld']])
  })

  it('goes on with the next run after an attempt that failed', async () => {
    const { api, client } = await working()
    const handle = await client.enqueue('held', {})
    const first = await api.handler(handle.jobId)
    const { runs, done } = reading(handle.output())
    await first.context.output.write('half')
    await until(() => runs.get(1) === 'half')
    first.fail(new Error('It broke.'))
    await until(async () => (await handle.get()).status === 'pending')
    await api.clock.advance(2_000)
    const second = await until(async () => {
      const one = await api.handler(handle.jobId)
      return one.context.attempt === 2 ? one : null
    })
    await second.context.output.write('whole')
    second.finish()
    await done
    expect([...runs]).toEqual([
      [1, 'half'],
      [2, 'whole'],
    ])
  })

  it('of a job that has ended is all there, also after an interrupted request', async () => {
    const { api, client, front } = await working()
    const handle = await client.enqueue('report', { pages: 1 })
    await handle.result()
    let failures = 2
    front.disturb = (req, res) => {
      if (req.url?.includes('/output') && failures-- > 0) res.destroy()
      return res.destroyed
    }
    const { runs, done } = reading(client.job(handle.jobId).output())
    await done
    expect([...runs]).toEqual([[1, 'Printing. ']])
    void api
  })

  it('stops by its signal, and is not found for a job of another owner', async () => {
    const { api, client } = await working()
    const handle = await client.enqueue('held', {})
    const { finish } = await api.handler(handle.jobId)
    const stop = new AbortController()
    const { done } = reading(handle.output({ signal: stop.signal }))
    stop.abort(new Error('enough'))
    await expect(done).rejects.toThrow('enough')
    finish()
    const { jobId } = await api.create({ type: 'held', input: {} }, 'bob')
    const foreign = await api.handler(jobId)
    await expect(reading(client.job(jobId).output()).done).rejects.toMatchObject({ code: 'job-not-found' })
    foreign.finish()
  })
})
