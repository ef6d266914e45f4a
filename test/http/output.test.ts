import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { memory } from '../../packages/uketsuke/src/testing/index.ts'
import { atEnd, open } from '../jobs/setup.ts'
import { until } from '../until.ts'
import { body, type Serving, serve } from './server.ts'

let api: Serving
beforeAll(async () => {
  api = await serve()
  await api.jobs.work()
})
afterAll(async () => {
  const closed = api.close()
  // What is still held is given back when the drain is over.
  await api.clock.advance(25_000)
  await closed
})

async function completed(): Promise<string> {
  const { jobId } = await api.create()
  ;(await api.handler(jobId)).finish({ secret: 'of the output' })
  await until(async () => (await api.jobs.get(jobId, { owner: allOwners }))?.completedAt)
  return jobId
}

describe('a list', () => {
  it('carries no output and says so, and the job itself has it', async () => {
    const jobId = await completed()
    const { items } = (await body(await api.call('?limit=1'))) as { items: Record<string, unknown>[] }
    expect(items).toMatchObject([{ jobId, status: 'completed', outputOmitted: true }])
    expect(items[0]).not.toHaveProperty('output')
    for (const query of ['', '?include=output', '?include=input,output']) {
      const one = await body(await api.call(`/${jobId}${query}`))
      expect(one.output).toEqual({ secret: 'of the output' })
      expect(one).not.toHaveProperty('outputOmitted')
      expect('input' in one).toBe(query.includes('input'))
    }
  })

  it.each([
    ['SQLite', sqlite(':memory:')],
    ['memory', memory()],
  ])('of 100 jobs with outputs and inputs of a megabyte is small: %s', async (_, store) => {
    const text = 'x'.repeat(1_000_000)
    const big = job({ input: z.string(), run: () => text })
    const jobs = createJobs({ jobs: { big }, store, log: silentLog, authenticate: () => ({ owner: 'ann' }) })
    atEnd(() => jobs.close())
    for (let i = 0; i < 10; i++) await jobs.enqueueMany('big', Array<string>(10).fill(text), { owner: 'ann' })
    await jobs.work({ concurrency: 100 })
    await until(async () => (await jobs.stats()).jobs.completed === 100)
    const response = await jobs.fetch(new Request('http://localhost/api/jobs?limit=100'))
    expect((await response.text()).length).toBeLessThan(100_000)
    const { items } = await jobs.list({ owner: 'ann', limit: 100 })
    expect(items.every((one) => one.outputOmitted === true && one.output === undefined)).toBe(true)
  })
})

describe('limits.outputBytes', () => {
  const texts = { ascii: 'x', two: 'é', three: '漢' }
  it.each(Object.entries(texts))('counts bytes of JSON: %s', async (_, character) => {
    const bytes = Buffer.byteLength(character)
    const text = job({
      input: z.object({ bytes: z.number() }),
      run: ({ input }) => character.repeat(input.bytes / bytes),
    })
    const { jobs, clock } = open({ text }, { store: sqlite(':memory:'), limits: { outputBytes: 6_002 } })
    await jobs.work()
    const ended = async (length: number) => {
      const { jobId } = await jobs.enqueue('text', { bytes: length })
      return until(async () => {
        await clock.advance(0)
        const one = await jobs.get(jobId, { owner: allOwners })
        return one?.completedAt ? one : null
      })
    }
    expect((await ended(6_000)).status).toBe('completed')
    const refused = await ended(6_000 + bytes)
    expect(refused).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-output', retryable: false } })
    expect(refused.error?.message).toMatch(/6002/)
  })

  it('is 1 MiB by default', async () => {
    const text = job({ input: z.object({}), run: () => 'x'.repeat((1 << 20) - 1) })
    const { jobs, clock } = open({ text }, { store: sqlite(':memory:') })
    await jobs.work()
    const { jobId } = await jobs.enqueue('text', {})
    const ended = await until(async () => {
      await clock.advance(0)
      const one = await jobs.get(jobId, { owner: allOwners })
      return one?.completedAt ? one : null
    })
    expect(ended.error?.code).toBe('invalid-output')
  })
})

describe('a credential that may write and not read', () => {
  it('gets no output from cancel, from a replayed key, or by waiting', async () => {
    const as = 'writer'
    const jobId = await completed()
    const answers = [await body(await api.post(`/${jobId}/cancel`, '', { as }))]

    const input = { type: 'report', input: { pages: 3 } }
    const headers = { 'idempotency-key': 'once', prefer: 'wait=10' }
    const waited = await api.post('', input, { as, headers })
    answers.push(await body(waited))
    const replayed = await api.post('', input, { as, headers: { 'idempotency-key': 'once' } })
    expect(replayed.headers.get('idempotent-replayed')).toBe('true')
    answers.push(await body(replayed))
    const retried = await api.post(`/${answers[1]?.jobId}/retry`, '', { as, headers: { prefer: 'wait=10' } })
    answers.push(await body(retried))

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'completed', outputOmitted: true })
      expect(answer).not.toHaveProperty('output')
    }
    expect((await body(await api.call(`/${answers[1]?.jobId}`))).output).toEqual({ pages: 3 })
  })
})

it('a stream ticket does not name its owner, and opens the stream of its job alone', async () => {
  const { jobId } = await api.create()
  const other = await api.create()
  const { ticket } = (await body(await api.post(`/${jobId}/stream-ticket`, ''))) as { ticket: string }
  const decoded = ticket.split('.').map((part: string) => Buffer.from(part, 'base64url').toString('latin1'))
  expect([ticket, ...decoded].join(' ')).not.toMatch(/alice|01[A-Z0-9]{24}/)
  const stream = await api.call(`/${jobId}/stream?ticket=${ticket}`, { as: '' })
  expect(stream.status).toBe(200)
  await stream.body?.cancel()
  const absent = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
  for (const id of [other.jobId, absent]) {
    expect((await api.call(`/${id}/stream?ticket=${ticket}`, { as: '' })).status, id).toBe(401)
  }
})
