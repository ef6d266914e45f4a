import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { allOwners, type Jobs, job, sqlite } from '../../packages/uketsuke/src/index.ts'
import type { StoreFactory } from '../../packages/uketsuke/src/store/port.ts'
import { memory } from '../../packages/uketsuke/src/testing/index.ts'
import { atEnd, open, visible } from './setup.ts'

const types = { one: job({ input: z.object({}), run: () => 1 }) }
const odd: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['empty', ''],
  ['blank', ' \t '],
  ['a number', 42],
  ['a boolean', true],
  ['an object', { id: 'ann' }],
  ['an array', ['ann']],
  ['another symbol', Symbol('allOwners')],
  ['the name of the symbol', Object('ann')],
  ['half a character', 'ann\uD800'],
  ['the other half', '\uDC00ann'],
  ['NUL', 'ann\0'],
  ['a line', 'ann\nbob'],
  ['too long', 'a'.repeat(256)],
]

const verbs: [string, (jobs: Jobs, id: string, as: never) => Promise<unknown>][] = [
  ['get', (jobs, id, as) => jobs.get(id, as)],
  ['list', (jobs, _, as) => jobs.list(as)],
  ['cancel', (jobs, id, as) => jobs.cancel(id, as)],
  ['retry', (jobs, id, as) => jobs.retry(id, as)],
  ['remove', (jobs, id, as) => jobs.remove(id, as)],
  ['watch', (jobs, id, as) => jobs.watch(id, as).next()],
  ['attempts', (jobs, id, as) => jobs.attempts(id, as)],
  ['deliveries', (jobs, id, as) => jobs.deliveries(id, as)],
  ['redeliver', (jobs, id, as) => jobs.redeliver(id, as)],
]
const refused = { code: 'invalid-owner', message: expect.stringContaining('allOwners') }

describe('an invalid owner', () => {
  it.each(odd)('is rejected by every method: %s', async (_, owner) => {
    const { jobs } = open(types)
    const { jobId } = await jobs.enqueue('one', {}, { owner: 'ann' })
    for (const [name, verb] of verbs)
      await expect(verb(jobs, jobId, { owner } as never), name).rejects.toMatchObject(refused)
    const asked = { owner } as never
    await expect(jobs.enqueue('one', {}, asked)).rejects.toMatchObject(refused)
    await expect(jobs.enqueueMany('one', [{}], asked)).rejects.toMatchObject(refused)
    expect((await jobs.list({ owner: allOwners })).items).toMatchObject([{ jobId, status: 'pending' }])
  })

  it.each(verbs)('is rejected if it is missing: %s', async (_, verb) => {
    const { jobs } = open(types)
    const { jobId } = await jobs.enqueue('one', {}, { owner: 'ann' })
    for (const options of [undefined, null, {}])
      await expect(verb(jobs, jobId, options as never)).rejects.toMatchObject(refused)
  })

  it.each(odd)('is rejected over HTTP without being quoted: %s', async (_, owner) => {
    const lines: unknown[] = []
    const log = { info() {}, warn() {}, error: (fields: object) => void lines.push(fields), child: () => log }
    const jobs = createJobs({ jobs: types, store: sqlite(':memory:'), log, authenticate: () => ({ owner }) as never })
    atEnd(() => jobs.close())
    await jobs.enqueue('one', {}, { owner: 'ann' })
    const answer = await jobs.fetch(new Request('http://localhost/api/jobs'))
    expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('owner')])
    expect(lines).toEqual([expect.objectContaining({ err: expect.objectContaining({ code: 'invalid-owner' }) })])
  })

  it.each<[string, StoreFactory]>([
    ['memory', memory()],
    ['SQLite', sqlite(':memory:')],
  ])('is rejected by the store: %s', async (_, factory) => {
    const { store, opened } = visible(factory)
    const { jobs } = open(types, { store })
    const { jobId } = await jobs.enqueue('one', {}, { owner: 'ann' })
    const [stored] = await opened().get('ann', [jobId])
    for (const [, owner] of odd) {
      const one = owner as never
      await expect(opened().get(one, [jobId])).rejects.toMatchObject(refused)
      await expect(opened().list({ owner: one, limit: 1 })).rejects.toMatchObject(refused)
      await expect(opened().attempts(one, jobId)).rejects.toMatchObject(refused)
      await expect(opened().deliveries(one, jobId)).rejects.toMatchObject(refused)
      await expect(opened().remove(one, jobId)).rejects.toMatchObject(refused)
      await expect(opened().insert([{ job: { ...stored!, id: 'x', owner: one } }])).rejects.toMatchObject(refused)
    }
    const key = { route: 'r', key: '\uD800', fingerprint: 'f', expiresAt: 1e15 }
    await expect(opened().insert([{ job: { ...stored!, id: 'x' }, key }])).rejects.toMatchObject({
      code: 'invalid-idempotency-key',
    })
  })
})

it.each(['ann', ' ann ', '日本 太郎', '\u{1F600}', 'a'.repeat(255), 'tenant/1:user@example.com', '__proto__'])(
  '%o is an owner',
  async (owner) => {
    const { jobs } = open(types)
    const { jobId } = await jobs.enqueue('one', {}, { owner })
    expect(await jobs.get(jobId, { owner })).toMatchObject({ jobId })
    expect(await jobs.get(jobId, { owner: 'bob' })).toBeNull()
  },
)

it.each([null, '', 42, 'ключ', '\uD800', 'a'.repeat(256), 'a\nb'])('rejects %o as an idempotency key', async (key) => {
  const { jobs } = open(types)
  const refusal = { code: 'invalid-idempotency-key' }
  await expect(jobs.enqueue('one', {}, { idempotencyKey: key as never })).rejects.toMatchObject(refusal)
})

it.each([
  { limit: Number.NaN },
  { limit: 0 },
  { limit: 101 },
  { limit: 1.5 },
  { limit: '5' },
  { limit: 5n },
  { status: 'ended' },
  { status: ['pending', 7] },
  { type: 7 },
  { type: '\uD800' },
  { cursor: 'x' },
  { cursor: 7 },
])('rejects list(%o)', async (query) => {
  const { jobs } = open(types)
  await expect(jobs.list({ owner: 'ann', ...query } as never)).rejects.toMatchObject({ code: 'invalid-query' })
})
