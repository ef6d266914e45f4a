import { existsSync } from 'node:fs'
// The built package: a thread loads its program from there.
import { allOwners, createJobs, type Jobs, type JobsOptions, job, type Log, silentLog, sqlite } from 'uketsuke'
import { manualClock } from 'uketsuke/testing'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'

const every = { owner: allOwners as typeof allOwners }
const run = new URL('./handlers.mjs', import.meta.url)
const input = z.object({ does: z.string(), at: z.coerce.date().optional() }).loose()

function system(isolation: 'thread' | 'process', more: object = {}, options: Partial<JobsOptions<never>> = {}) {
  const lines: { fields: object; message: string }[] = []
  const log: Log = { ...silentLog, info: (fields, message) => void lines.push({ fields, message }), child: () => log }
  const jobs = createJobs({
    jobs: {
      far: job({ input, stream: 'text', backoff: { base: 0 }, isolation, run, ...more }),
      other: job({ input: z.object({ from: z.string() }), run: () => {} }),
    },
    store: sqlite(tempFile()),
    log,
    authenticate: () => ({ owner: 'ann' }),
    ...(options as object),
  })
  atEnd(() => jobs.close())
  const enqueue = async (does: string, more: object = {}) => {
    const { jobId } = await jobs.enqueue('far', { does, ...more }, { owner: 'ann' })
    return jobId
  }
  const ended = async (jobId: string) => {
    for await (const job of jobs.watch('far', jobId, every)) if (job.completedAt !== null) return job
    throw new Error('gone')
  }
  const once = async (does: string, more: object = {}) => {
    await jobs.work({ concurrency: 4 })
    return ended(await enqueue(does, more))
  }
  return { jobs, lines, enqueue, ended, once }
}

const isAlive = (pid: number) => {
  try {
    // A zombie has ended.
    return existsSync(`/proc/${pid}/exe`) && process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The process ids that the handler `parent` writes: its own, and that of the process that it has started. */
const pidsOf = (jobs: Pick<Jobs, 'fetch'>, jobId: string) =>
  until(async () => {
    const text = await (await jobs.fetch(new Request(`http://x/api/jobs/${jobId}/output`))).text()
    return text === '' ? null : text.split(' ').map(Number)
  })

describe.each(['thread', 'process'] as const)('in a %s', (isolation) => {
  test('a handler gets everything that any handler gets', async () => {
    const { jobs, once, lines } = system(isolation, { env: { OWN: 'variable' } })
    const job = await once('everything', { at: '2026-01-01T00:00:00Z' })
    expect(job).toMatchObject({
      status: 'completed',
      progressMessage: 'A third',
      output: {
        jobId: job.jobId,
        owner: 'ann',
        attempt: 1,
        receipt: { at: '1970-01-01T00:00:00.000Z' },
        saved: { name: 'a.txt', bytes: 5 },
        isDate: true,
        aborted: false,
        env: 'variable',
      },
      files: [
        { name: 'a.txt', contentType: 'text/plain; charset=utf-8' },
        { name: 'b.bin', contentType: 'application/x-own', bytes: 300_000 },
      ],
    })
    const { other } = job.output as { other: string }
    expect(await jobs.get(other, { owner: 'ann', include: ['input'] })).toMatchObject({ input: { from: job.jobId } })
    const text = await (await jobs.fetch(new Request(`http://x/api/jobs/${job.jobId}/output`))).text()
    expect(text).toBe('Hello, world')
    const line = lines.find(({ message }) => message === 'from afar')
    expect(line?.fields).toMatchObject({ part: 'one', number: 7, err: { message: 'logged' } })
    expect(process.env.OWN).toBeUndefined()
  })

  test('its output and its errors are those of any handler', async () => {
    const { jobs, once, enqueue, ended } = system(isolation)
    expect((await once('returns', { value: { a: [1, 'é\0'] } })).output).toEqual({ a: [1, 'é\0'] })
    expect((await ended(await enqueue('throws', { kind: 'client' }))).error).toEqual({
      code: 'card-declined',
      message: 'The card was declined.',
      retryable: false,
    })
    const retried = await ended(await enqueue('throws'))
    expect(retried).toMatchObject({ status: 'completed', attempt: 3, output: 3 })
    const [first] = await jobs.attempts(retried.jobId, every)
    expect(first?.error).toMatchObject({ code: 'handler-error', thrown: expect.stringContaining('handlers.mjs') })
    for (const [does, code] of [
      ['badStep', 'invalid-step'],
      ['badOutput', 'invalid-output'],
      ['badFile', 'invalid-file'],
      ['absent', 'handler-error'],
    ] as const) {
      expect([does, (await ended(await enqueue(does))).error?.code]).toEqual([does, code])
    }
  })

  test('it need not wait for what it saves and writes, and may catch the errors of that', async () => {
    const { jobs, once, enqueue, ended } = system(isolation)
    const job = await once('hasty')
    expect(job).toMatchObject({
      status: 'completed',
      attempt: 1,
      output: 'returned',
      files: [{ name: 'large.bin', bytes: 400_000 }],
    })
    expect(await (await jobs.fetch(new Request(`http://x/api/jobs/${job.jobId}/output`))).text()).toBe('said')
    expect(await ended(await enqueue('cautious'))).toMatchObject({ status: 'completed', attempt: 1, output: 'caught' })
  })

  test('a crash fails its attempt alone', async () => {
    const { jobs, once, enqueue, ended } = system(isolation)
    const neighbours = [enqueue('busy', { ms: 500 }), enqueue('busy', { ms: 500 })]
    const job = await once('exits')
    expect(job).toMatchObject({ status: 'completed', attempt: 2, output: 'survived' })
    const [first] = await jobs.attempts(job.jobId, every)
    expect(first?.error).toMatchObject({
      code: 'handler-crashed',
      retryable: true,
      thrown: expect.stringMatching(/code 3/),
    })
    expect(await ended(await enqueue('rejects'))).toMatchObject({ status: 'completed', attempt: 2 })
    for (const one of await Promise.all(neighbours)) expect((await ended(one)).attempt).toBe(1)
  })

  test('one that needs too much memory fails its attempt alone', async () => {
    const { jobs, once } = system(isolation, { memory: 32 })
    const job = await once('fills')
    expect(job).toMatchObject({ status: 'completed', attempt: 2, output: 'survived' })
    const [first] = await jobs.attempts(job.jobId, every)
    expect(first?.error).toMatchObject({ code: 'out-of-memory', thrown: expect.stringContaining('more than 32 MiB') })
  })

  test('one that computes loses no lease', async () => {
    const { once } = system(isolation, {}, { lease: 1_000 })
    expect(await once('busy', { ms: 3_500 })).toMatchObject({ status: 'completed', attempt: 1 })
  })

  test('one that ignores its cancellation is killed after five seconds', async () => {
    const clock = manualClock()
    const { jobs, enqueue, ended } = system(isolation, {}, { clock })
    await jobs.work()
    const jobId = await enqueue('parent')
    const pids = await pidsOf(jobs, jobId)
    await jobs.cancel(jobId, every)
    await clock.advance(4_900)
    expect((await jobs.get(jobId, every))?.status).toBe('running')
    await clock.advance(2_100)
    expect((await ended(jobId)).status).toBe('cancelled')
    // The process that the handler has started ends with its group.
    if (isolation === 'process') await until(() => !pids.some(isAlive), 'the processes of the handler end')
    else process.kill(pids[1] ?? 0, 'SIGKILL')
  })

  test('one that takes too long fails at once, and is killed when it ignores that', async () => {
    const clock = manualClock()
    const { jobs, enqueue, ended } = system(isolation, { timeout: 1_000, maxAttempts: 1 }, { clock })
    await jobs.work()
    const jobId = await enqueue('parent')
    const pids = await pidsOf(jobs, jobId)
    await clock.advance(1_000)
    expect((await ended(jobId)).error?.code).toBe('timeout')
    expect(pids).toHaveLength(2)
    expect(isAlive(pids[1] ?? 0)).toBe(true)
    await clock.advance(5_000)
    if (isolation === 'process') await until(() => !pids.some(isAlive), 'the processes of the handler end')
    else process.kill(pids[1] ?? 0, 'SIGKILL')
  })

  test('one that obeys its signal ends at once', async () => {
    const { jobs, enqueue, ended } = system(isolation)
    await jobs.work()
    const jobId = await enqueue('obedient')
    await until(async () => (await jobs.get(jobId, every))?.progress === 1)
    const asked = performance.now()
    await jobs.cancel(jobId, every)
    expect((await ended(jobId)).status).toBe('cancelled')
    expect(performance.now() - asked).toBeLessThan(4_000)
  })

  test('it gives its job back with snooze', async () => {
    const { jobs, enqueue } = system(isolation)
    await jobs.work()
    const jobId = await enqueue('snoozes')
    await until(async () => (await jobs.get(jobId, every))?.progressMessage === 'Later')
    expect(await jobs.get(jobId, every)).toMatchObject({ status: 'pending', attempt: 0 })
  })
})

test.each([
  [{ run: 7 }, 'run must be a function, or the URL of a module'],
  [{ run: new URL('https://example.com/a.js'), isolation: 'thread' }, 'the URL of run must name a file'],
  [{ run }, 'needs isolation: thread or process'],
  [{ run, isolation: 'fibre' }, 'needs isolation: thread or process'],
  [{ run: () => 1, isolation: 'thread' }, 'isolation, memory and env need run to be the URL of a module'],
  [{ run, isolation: 'process', memory: 1 }, 'job(): memory must be a whole number of MiB from 16'],
  [{ run, isolation: 'process', env: { A: 1 } }, 'job(): env must be an object of strings'],
])('%j is refused', (options, message) => {
  expect(() => job({ input, ...options } as never)).toThrow(message)
})
