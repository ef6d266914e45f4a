import { describe, expect, it } from 'vitest'
import { sqlite } from '../../packages/uketsuke/src/index.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { burst, count, processes, sharesRequestQuota, sharesWaitingQuota } from './quota-checks.ts'
import { body } from './server.ts'

const onFile = () => {
  const file = tempFile()
  return () => sqlite(file)
}

describe('quotas.requests', () => {
  it('is shared by all processes on a store', () => sharesRequestQuota(onFile()))

  it('refills steadily', async () => {
    const { call, clock } = processes(onFile(), { requests: { limit: 20 } })
    expect(count(await burst(50, () => call()), 200)).toBe(20)
    await clock.advance(500)
    const half = count(await burst(50, () => call()), 200)
    expect([9, 10]).toContain(half)
    await clock.advance(60_000)
    expect(count(await burst(50, () => call()), 200)).toBe(20)
  })

  it('responds with 429, Retry-After and the RateLimit fields, also on a route of your own', async () => {
    const { all, call } = processes(onFile(), { requests: { limit: 1, window: 10_000 } }, 1)
    expect((await call()).status).toBe(200)
    const own = () =>
      all[0]!.accept(new Request('http://localhost/own', { method: 'POST' }), { type: 'held', input: {} })
    for (const refused of [await call(), await call('/openapi.json'), await call('/no-such-id'), await own()]) {
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10'])
      expect(refused.headers.get('ratelimit-policy')).toBe('"requests";q=1;w=10')
      expect(refused.headers.get('ratelimit')).toBe('"requests";r=0;t=10')
      expect(await body(refused)).toMatchObject({ type: 'urn:uketsuke:problem:quota-exceeded' })
    }
    expect((await call('', { as: 'bob' })).status).toBe(200)
  })

  it('costs the store nothing without a quota', async () => {
    const { all, call } = processes(onFile(), undefined, 1)
    await burst(20, () => call())
    expect(all).toHaveLength(1)
    expect(count(await burst(200, () => call()), 200)).toBe(200)
  })
})

describe('quotas.waitingJobs', () => {
  it('is shared by all processes on a store', () => sharesWaitingQuota(onFile()))

  it('admits a replay of an idempotency key, and refuses a new key', async () => {
    const { create } = processes(onFile(), { waitingJobs: 1 })
    const { jobId } = await body(await create({ key: 'k' }))
    expect((await create({ key: 'other' })).status).toBe(429)
    const again = await create({ key: 'k' })
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true'])
    expect(await body(again)).toMatchObject({ jobId })
    const changed = await create({ key: 'k', body: { type: 'held', input: {}, priority: 'high' } })
    expect(changed.status).toBe(422)
  })

  it('applies to enqueue, enqueueMany and retry, and not to other owners', async () => {
    const { all, create, call } = processes(onFile(), { waitingJobs: 3 }, 1)
    const [jobs] = all
    const { jobId } = await jobs!.enqueue('held', {}, { owner: 'ann' })
    await jobs!.cancel(jobId, { owner: 'ann' })
    await expect(jobs!.enqueueMany('held', [{}, {}, {}, {}], { owner: 'ann' })).rejects.toMatchObject({
      code: 'quota-exceeded',
    })
    expect(await jobs!.enqueueMany('held', [{}, {}, {}], { owner: 'ann' })).toHaveLength(3)
    await expect(jobs!.enqueue('held', {}, { owner: 'ann' })).rejects.toMatchObject({ code: 'quota-exceeded' })
    expect((await call(`/${jobId}/retry`, { method: 'POST' })).status).toBe(429)
    expect((await create({ as: 'bob' })).status).toBe(202)
  })

  it('makes room as jobs run', async () => {
    const { all, create } = processes(onFile(), { waitingJobs: 5 }, 1)
    expect(count(await burst(20, create), 202)).toBe(5)
    const worker = await all[0]!.work()
    await until(async () => (await all[0]!.stats()).jobs.completed === 5)
    await worker.stop()
    expect((await create()).status).toBe(202)
  })
})

describe('quotas of streams', () => {
  const streaming = async (quotas: object) => {
    const { all, create, call, clock } = processes(onFile(), quotas, 1)
    const jobId = String((await body(await create())).jobId)
    const open = async (as = 'ann', lastEventId?: string) => {
      const headers = { authorization: as, ...(lastEventId && { 'last-event-id': lastEventId }) }
      const response = await all[0]!.fetch(new Request(`http://localhost/api/jobs/${jobId}/stream`, { headers }))
      const reader = response.body!.getReader()
      const close = () => reader.cancel()
      atEnd(() => close().catch(() => {}))
      return { response, reader, close }
    }
    return { open, create, call, clock, jobId }
  }

  it.each([[{ streamsPerOwner: 2 }], [{ streamsPerProcess: 2 }]])(
    '%o: a further stream is refused until one ends',
    async (quotas) => {
      const { open } = await streaming(quotas)
      const [first, second] = [await open(), await open()]
      expect([first.response.status, second.response.status]).toEqual([200, 200])
      const third = await open()
      expect(third.response.status).toBe(429)
      await first.close()
      expect((await open()).response.status).toBe(200)
      expect((await open()).response.status).toBe(429)
    },
  )

  it('softens the refusal of a reconnect, which would end an EventSource', async () => {
    const { open } = await streaming({ streamsPerOwner: 1 })
    await open()
    const { response, reader } = await open('ann', '1')
    expect(response.status).toBe(200)
    expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^retry: \d{4,5}\n\n$/)
  })

  it('counts a stream until its job ends', async () => {
    const { open, call, jobId } = await streaming({ streamsPerOwner: 1 })
    const { reader } = await open()
    await call(`/${jobId}/cancel`, { method: 'POST' })
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += new TextDecoder().decode(part.value)
    expect(text).toContain('job.cancelled')
    expect((await open()).response.status).toBe(200)
  })
})
