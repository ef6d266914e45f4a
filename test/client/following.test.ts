import { describe, expect, it } from 'vitest'
import { RequestError } from '../../packages/client/src/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { BadNetwork } from '../servers/proxy.ts'
import { until } from '../until.ts'
import { answerStreams, connected, isStream, pass, turnTimers } from './setup.ts'

type Connected = Awaited<ReturnType<typeof connected>>

/** A job that runs, followed by the client, which has seen it run. */
async function followed({ api, client }: Connected) {
  const worker = await api.jobs.work()
  atEnd(() => worker.stop())
  const handle = await client.enqueue('held', {})
  const progress: number[] = []
  let ended: unknown
  const result = handle.result({ onUpdate: (job) => void (job.status === 'running' && progress.push(job.progress)) })
  result.then(
    (output) => (ended = { output }),
    (error) => (ended = { error }),
  )
  const { context, finish } = await api.handler(handle.jobId)
  return { handle, result, progress, context, finish, ended: () => ended }
}

describe('following', () => {
  it('uses one stream for any number of jobs, and closes it after the last', async () => {
    const test = await connected()
    const { api, client, streams, polls } = test
    const worker = await api.jobs.work()
    const handles = await Promise.all(Array.from({ length: 10 }, () => client.enqueue('held', {})))
    const results = handles.map((handle) => handle.result())
    const twice = handles.map((handle) => client.job(handle.jobId).result())
    await until(() => streams() > 0)
    for (const [i, { jobId }] of handles.entries()) (await api.handler(jobId)).finish(i)
    expect(await Promise.all(results)).toEqual(handles.map((_, i) => i))
    expect(await Promise.all(twice)).toEqual(handles.map((_, i) => i))
    expect([streams() <= 2, polls()]).toEqual([true, 0])
    await worker.stop()
  })

  it('closes the stream when nobody follows any more', async () => {
    const { api, client, front, streams } = await connected()
    let closed = 0
    front.disturb = (req, res) => {
      if (isStream(req)) res.on('close', () => closed++)
      return false
    }
    const { jobId } = await api.create()
    const stop = client.job(jobId).subscribe(() => {})
    await until(() => streams() > 0)
    stop()
    await until(() => closed > 0)
  })

  it('polls what does not fit on the stream', async () => {
    turnTimers()
    const { api, client, polls } = await connected()
    const jobs = await api.jobs.enqueueMany('held', Array(103).fill({}), { owner: 'alice' })
    const seen = new Set<string>()
    for (const { jobId } of jobs) client.job(jobId).subscribe(({ job }) => job && seen.add(job.jobId))
    await pass(10_000, () => seen.size === 103)
    expect([seen.size, polls()]).toEqual([103, 3])
    for (const { jobId } of jobs) await api.jobs.cancel(jobId, { owner: 'alice' })
  })

  it('tells that a job is unknown, although the stream leaves it out silently', async () => {
    turnTimers()
    const { client } = await connected()
    let error: unknown
    client.job('01JD0000000000000000000000').subscribe((update) => (error = update.error))
    await pass(5_000, () => error !== undefined)
    expect(error).toMatchObject({ name: 'RequestError', status: 404, code: 'job-not-found' })
  })
})

describe('a stream that is not to be had', () => {
  it.each([
    ['404', answerStreams(404)],
    ['405', answerStreams(405)],
    ['403', answerStreams(403)],
    ['an HTML page', answerStreams(200, { 'content-type': 'text/html' }, '<h1>Welcome</h1>')],
    ['a proxy that buffers', (req: Parameters<typeof isStream>[0]) => isStream(req)],
  ])('is replaced by polling within 5 s: %s', async (_, disturb) => {
    turnTimers()
    const test = await connected()
    test.front.disturb = disturb as typeof test.front.disturb
    const { context, finish, progress, ended } = await followed(test)
    context.progress(30)
    expect(await pass(10_000, () => progress.includes(30))).toBeLessThanOrEqual(5_000)
    context.progress(60)
    await pass(5_000, () => progress.includes(60))
    finish('done')
    await pass(5_000, () => ended() !== undefined)
    expect([ended(), test.streams()]).toEqual([{ output: 'done' }, 1])
  })

  it('is tried again after a minute', async () => {
    turnTimers()
    const test = await connected()
    test.front.disturb = answerStreams(404)
    const { finish, ended } = await followed(test)
    await pass(59_000)
    expect(test.streams()).toBe(1)
    test.front.disturb = null
    await pass(2_500)
    expect(test.streams()).toBe(2)
    finish('done')
    await pass(1_000, () => ended() !== undefined)
    expect(ended()).toEqual({ output: 'done' })
  })

  it('waits as long as 429 and 503 say, and polls meanwhile', async () => {
    for (const status of [429, 503]) {
      turnTimers()
      const test = await connected()
      test.front.disturb = answerStreams(status, { 'retry-after': '20' })
      const { finish, ended } = await followed(test)
      await pass(19_000)
      expect([test.streams(), test.polls() > 0]).toEqual([1, true])
      test.front.disturb = null
      await pass(3_000)
      expect(test.streams()).toBe(2)
      finish('done')
      await pass(2_000, () => ended() !== undefined)
      expect(ended()).toEqual({ output: 'done' })
    }
  })

  it('fails when the status is not JSON either', async () => {
    turnTimers()
    const test = await connected()
    const { ended, finish } = await followed(test)
    test.front.disturb = (_, res) => Boolean(res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'))
    test.api.server.closeAllConnections()
    await pass(90_000, () => ended() !== undefined)
    expect(ended()).toEqual({ error: expect.objectContaining({ code: 'unexpected-response' }) })
    finish()
  })
})

describe('a credential that expires', () => {
  it('is renewed for the next stream', async () => {
    turnTimers()
    let valid = 'alice'
    let renewed = 0
    const test = await connected({
      token: ({ renew }) => {
        if (!renew) return valid
        renewed++
        valid = 'alice'
        return valid
      },
    })
    const { finish, ended } = await followed(test)
    await pass(500)
    valid = 'expired'
    test.api.server.closeAllConnections()
    await pass(5_000, () => renewed > 0)
    finish('done')
    await pass(5_000, () => ended() !== undefined)
    expect([ended(), renewed]).toEqual([{ output: 'done' }, 1])
  })

  it('ends the following if it cannot be renewed', async () => {
    turnTimers()
    let token = 'alice'
    const test = await connected({ token: () => token })
    const { finish, ended } = await followed(test)
    await pass(500)
    token = 'revoked'
    test.api.server.closeAllConnections()
    await pass(20_000, () => ended() !== undefined)
    expect(ended()).toEqual({ error: expect.any(RequestError) })
    expect(ended()).toMatchObject({ error: { status: 401, code: 'unauthorized' } })
    finish()
  })
})

describe('a bad network', () => {
  it('that cuts the connection loses nothing', async () => {
    turnTimers()
    const test = await connected()
    const { context, finish, progress, ended } = await followed(test)
    await pass(500)
    for (const percent of [20, 40, 60]) {
      test.api.server.closeAllConnections()
      context.progress(percent)
      // The server stores progress ten times a second at most.
      await test.api.clock.advance(200)
      await pass(10_000, () => progress.includes(percent))
    }
    test.api.server.closeAllConnections()
    finish('done')
    await pass(10_000, () => ended() !== undefined)
    expect([progress, ended()]).toEqual([expect.arrayContaining([20, 40, 60]), { output: 'done' }])
  })

  it('that falls silent is noticed within 40 s', async () => {
    turnTimers()
    const first = await connected()
    const network = await BadNetwork.to(first.api.port)
    const url = `http://127.0.0.1:${network.port}/api/jobs`
    const { createClient } = await import('../../packages/client/src/index.ts')
    const { finish, ended } = await followed({ ...first, client: createClient({ url, token: 'alice' }) as never })
    await pass(1_000)
    network.freeze()
    finish('done')
    const took = await pass(60_000, () => ended() !== undefined)
    expect(ended()).toEqual({ output: 'done' })
    expect(took).toBeLessThanOrEqual(40_000)
    await network.close()
  })
})
