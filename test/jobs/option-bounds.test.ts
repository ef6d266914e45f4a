import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { allOwners } from '../../packages/uketsuke/src/store/port.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { redis } from '../../packages/uketsuke/src/transport/redis.ts'
import { open } from './setup.ts'

const input = z.object({})
const day = 24 * 60 * 60_000
const century = 36_525 * day
const types = { one: job({ input, run: () => 1 }) }

const define = (options: object) => job({ input, run: () => 1, ...options })
const create = (options: object) => createJobs({ jobs: types, store: sqlite(':memory:'), log: silentLog, ...options })
const limits = (options: object) => create({ limits: options })
const quotas = (options: object) => create({ quotas: options })
const requests = (options: object) => quotas({ requests: { limit: 1, ...options } })
const database = (options: object) => postgres({ connectionString: 'postgres://localhost/x', ...options })
const connections = (options: object) => redis({ url: 'redis://localhost', ...options })
const backoff = (options: object) => define({ backoff: options })

/** The function, the name of the option, its minimum and its maximum. */
const numbers: [string, string, (options: object) => unknown, number, number][] = [
  ['job()', 'maxAttempts', define, 1, 1_000_000],
  ['job()', 'timeout', define, 1, 366 * day],
  ['job()', 'retention', define, day, century],
  ['job() backoff', 'base', backoff, 0, 366 * day],
  ['job() backoff', 'max', backoff, 0, 366 * day],
  ['createJobs()', 'lease', create, 1_000, day],
  ['createJobs()', 'maxBodyBytes', create, 1, 256 << 20],
  ['createJobs() quotas', 'waitingJobs', quotas, 1, 10_000_000],
  ['createJobs() quotas', 'streamsPerOwner', quotas, 1, 10_000_000],
  ['createJobs() quotas', 'streamsPerProcess', quotas, 1, 10_000_000],
  ['createJobs() quotas.requests', 'window', requests, 1_000, 3_600_000],
  ['createJobs() limits', 'inputBytes', limits, 1, 256 << 20],
  ['createJobs() limits', 'metadataBytes', limits, 1, 256 << 20],
  ['createJobs() limits', 'delay', limits, 0, century],
  ['postgres()', 'max', database, 2, 10_000],
  ['postgres()', 'connectTimeout', database, 1, 3_600_000],
  ['postgres()', 'statementTimeout', database, 1, 3_600_000],
  ['redis()', 'timeout', connections, 10, 60_000],
  ['redis()', 'takeOverAfter', connections, 1, 3_600_000],
]
const never = [
  Number.NaN,
  Infinity,
  -Infinity,
  -1,
  Number.MAX_SAFE_INTEGER,
  2 ** 60,
  1e300,
  '5',
  '1s',
  5n,
  null,
  true,
  [5],
  1.5,
]

describe('a numeric option', () => {
  it.each(numbers)('%s has bounds: %s', (_, name, take, least, most) => {
    for (const value of [least, most, undefined]) expect(() => take({ [name]: value }), `${value}`).not.toThrow()
    for (const value of [...never, least - 1, most + 1]) {
      const refused = expect.objectContaining({ code: 'invalid-configuration', message: expect.stringContaining(name) })
      expect(() => take({ [name]: value }), `${value}`).toThrow(refused)
    }
  })

  it.each([
    ['concurrency', 1, 100_000],
    ['drain', 0, day],
  ])('work() has bounds: %s', async (name, least, most) => {
    const { jobs } = open(types)
    for (const value of [...never, least - 1, most + 1]) {
      const refused = { code: 'invalid-configuration', message: expect.stringContaining(name) }
      await expect(jobs.work({ [name]: value }), `${value}`).rejects.toMatchObject(refused)
    }
    for (const value of [least, most, undefined]) await (await jobs.work({ [name]: value })).stop()
  })

  it.each([Number.NaN, Infinity, -1, Number.MAX_SAFE_INTEGER, '5', 5n, true])(
    'rejects a delay of %o',
    async (delay) => {
      const { jobs } = open(types)
      const refused = { code: 'validation-error', errors: [{ pointer: '/delay' }] }
      await expect(jobs.enqueue('one', {}, { delay: delay as number })).rejects.toMatchObject(refused)
    },
  )

  it('a delay of -0 is 0', async () => {
    const { jobs, clock } = open(types)
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {}, { delay: -0 })
    await clock.advance(0)
    expect(await jobs.get(jobId, { owner: allOwners })).toMatchObject({ status: 'completed' })
  })

  it('undefined options have their defaults', async () => {
    const { jobs, clock } = open(
      {
        flaky: job({
          input: z.object({ text: z.string() }),
          run: () => Promise.reject(new Error('no')),
          backoff: { base: undefined, max: 5_000 } as never,
        }),
      },
      { limits: { inputBytes: undefined, delay: undefined } },
    )
    const huge = { text: 'x'.repeat(2 << 20) }
    await expect(jobs.enqueue('flaky', huge)).rejects.toMatchObject({ code: 'validation-error' })
    await jobs.work()
    const { jobId } = await jobs.enqueue('flaky', { text: '' })
    await clock.advance(0)
    const { runAt } = (await jobs.get(jobId, { owner: allOwners }))!
    expect(Date.parse(runAt) - clock.now()).toBeGreaterThanOrEqual(500)
    expect(Date.parse(runAt) - clock.now()).toBeLessThanOrEqual(1_000)
  })

  it('the longest retention results in a valid date', async () => {
    const { jobs, clock } = open({ kept: job({ input, run: () => 1, retention: century }) })
    await jobs.work()
    const { jobId } = await jobs.enqueue('kept', {})
    await clock.advance(0)
    const { items } = await jobs.list({ owner: allOwners })
    expect(items).toMatchObject([{ jobId, status: 'completed', expiresAt: expect.stringMatching(/^21\d\d-/) }])
  })
})
