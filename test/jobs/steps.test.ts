import { describe, expect, test } from 'vitest'
import { createJobs, type StoreFactory, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, ended, every, gate, type Handler, one, open, tempFile } from './setup.ts'

describe('step', () => {
  test('a later attempt gets the stored result, in its JSON form, and does not run it again', async () => {
    const charged: number[] = []
    const seen: unknown[] = []
    const { jobs } = open(
      one(async ({ step, attempt }) => {
        const receipt = await step('charge', () => {
          charged.push(attempt)
          return { at: new Date(0), amount: 7, nothing: undefined }
        })
        seen.push(receipt)
        if (attempt < 3) throw new Error('The mail server is down.')
        return receipt.amount
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 7, attempt: 3 })
    expect(charged).toEqual([1])
    expect(seen).toEqual(Array(3).fill({ at: '1970-01-01T00:00:00.000Z', amount: 7 }))
  })

  test('steps run side by side; one that throws runs again', async () => {
    const ran: string[] = []
    const { jobs } = open(
      one(async ({ step, attempt }) => {
        const step1 = step('a', async () => ran.push('a'))
        const step2 = step('b', () => {
          ran.push('b')
          if (attempt === 1) throw new Error('It broke.')
        })
        return Promise.allSettled([step1, step2]).then(() => Promise.all([step1, step2]))
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: [1, null], attempt: 2 })
    expect(ran).toEqual(['a', 'b', 'b'])
  })

  test.each<[string, Handler, string]>([
    ['an empty name', ({ step }) => step('', () => 1), 'The name of a step must be a text of 1 to 255 characters.'],
    ['a long name', ({ step }) => step('x'.repeat(256), () => 1), 'The name of a step must be'],
    ['a number', ({ step }) => step(7 as never, () => 1), 'The name of a step must be'],
    ['a name twice', ({ step }) => step('a', () => 1).then(() => step('a', () => 1)), 'The step "a" was used twice'],
  ])('%s fails the job at once', async (_, run, message) => {
    const { jobs } = open(one(run))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    const found = await ended(jobs, jobId)
    expect(found).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'invalid-step' } })
    expect(found.error?.message).toContain(message)
  })

  test('a result that JSON cannot hold fails the job', async () => {
    const { jobs } = open(one(({ step }) => step('a', () => ({ deep: new Map() }))))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).error).toMatchObject({
      code: 'invalid-output',
      message: expect.stringContaining('The result of the step "a" at /deep is a Map'),
    })
  })

  test('there are at most 1,000 steps', async () => {
    const { jobs } = open(
      one(async ({ step }) => {
        for (let i = 0; i < 1_001; i++) await step(`step ${i}`, () => i)
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).error?.message).toBe('A job has at most 1,000 steps.')
  })

  test('there are at most 1,000 steps in all attempts', async () => {
    const { jobs, clock } = open(
      one(
        async ({ step, attempt }) => {
          for (let i = 0; i < 600; i++) await step(`${attempt}.${i}`, () => i)
          throw new Error('Once more.')
        },
        { maxAttempts: 2 },
      ),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    await until(async () => (await jobs.get(jobId, every))?.lastError !== undefined)
    await clock.advance(60_000)
    expect((await ended(jobs, jobId)).error?.message).toBe('A job has at most 1,000 steps.')
  })

  test('a cancelled job stores the step that runs, and begins no other', async () => {
    const ran: string[] = []
    const { jobs } = open(
      one(async ({ step, jobId, signal }) => {
        await step('a', async () => {
          ran.push('a')
          await jobs.cancel(jobId, every)
          await until(() => signal.aborted)
        })
        await step('b', () => ran.push('b'))
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).status).toBe('cancelled')
    expect(ran).toEqual(['a'])
  })

  test('a worker that has lost its lease stores no step', async () => {
    const file = tempFile()
    const ran: number[] = []
    const refused = gate<unknown>()
    const handler: Handler = async ({ step, attempt }) => {
      const result = step('a', async () => {
        ran.push(attempt)
        // The first attempt goes on until the second has begun.
        if (attempt === 1) await until(() => ran.includes(2))
        return `of attempt ${attempt}`
      })
      if (attempt === 1) result.catch(refused.open)
      if (attempt !== 2) return result
      await result
      await refused.passed
      throw new Error('The third attempt shows what is stored.')
    }
    // The lease of the first worker expires, since its renewals never arrive.
    const cutOff: StoreFactory = (clock) => {
      const store = sqlite(file)(clock)
      return Object.assign(Object.create(store), { renew: async () => Promise.reject(new Error('No connection.')) })
    }
    const { jobs, clock } = open(one(handler), { store: cutOff })
    const other = createJobs({ jobs: one(handler), store: sqlite(file), clock, log: silentLog })
    atEnd(() => other.close())
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    await until(() => ran.length > 0)
    await other.work()
    await until(async () => {
      await clock.advance(1_000)
      return ran.includes(2)
    })
    expect(await refused.passed).toMatchObject({ name: 'AbortError' })
    const last = await until(async () => {
      await clock.advance(1_000)
      const found = await jobs.get(jobId, every)
      return found?.completedAt == null ? null : found
    })
    expect(last).toMatchObject({ status: 'completed', output: 'of attempt 2', attempt: 3 })
    expect(ran).toEqual([1, 2])
  })
})

describe('snooze', () => {
  test('the job runs again later, and no attempt is spent', async () => {
    const asked: number[] = []
    const { jobs, clock } = open(
      one(
        ({ snooze, attempt }) => {
          asked.push(attempt)
          if (asked.length < 4) snooze(60_000, `Asked ${asked.length} times`)
          return 'ready'
        },
        { maxAttempts: 1 },
      ),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    await until(async () => (await jobs.get(jobId, every))?.progressMessage === 'Asked 1 times')
    const waiting = await jobs.get(jobId, every)
    expect(waiting).toMatchObject({ status: 'pending', attempt: 0 })
    expect(Date.parse(waiting?.runAt ?? '') - clock.now()).toBe(60_000)
    for (let i = 2; i <= 4; i++) {
      await clock.advance(60_000)
      await until(() => asked.length === i)
    }
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 'ready', attempt: 1 })
    expect(asked).toEqual([1, 1, 1, 1])
    // Not one attempt for each time.
    expect(await jobs.attempts(jobId, every)).toHaveLength(1)
  })

  test('steps before it do not run again', async () => {
    let [sent, asked] = [0, 0]
    const { jobs, clock } = open(
      one(async ({ step, snooze }) => {
        await step('send', () => ++sent)
        if (++asked < 3) snooze(1_000)
        return asked
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    for (let i = 1; i < 3; i++) {
      await until(async () => asked === i && (await jobs.get(jobId, every))?.status === 'pending')
      await clock.advance(1_000)
    }
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 3 })
    expect(sent).toBe(1)
  })

  test('it works even if the handler catches its error', async () => {
    let runs = 0
    const { jobs } = open(
      one(({ snooze }) => {
        if (++runs > 1) return runs
        try {
          return snooze(0)
        } catch {
          return 'caught'
        }
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect(await ended(jobs, jobId)).toMatchObject({ status: 'completed', output: 2 })
  })

  test('a job that is cancelled meanwhile ends', async () => {
    const { jobs } = open(
      one(async ({ snooze, jobId }) => {
        await jobs.cancel(jobId, every)
        snooze(60_000)
      }),
    )
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).status).toBe('cancelled')
  })

  test.each([-1, 0.5, Number.NaN, '5', undefined, 367 * 24 * 3_600_000])('%s is refused', async (ms) => {
    const { jobs } = open(one(({ snooze }) => snooze(ms as number), { maxAttempts: 1 }))
    await jobs.work()
    const { jobId } = await jobs.enqueue('one', {})
    expect((await ended(jobs, jobId)).status).toBe('failed')
    const [attempt] = await jobs.attempts(jobId, every)
    expect(attempt?.error?.thrown).toContain('snooze() must be a whole number of milliseconds')
  })
})
