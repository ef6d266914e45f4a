import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { until } from '../until.ts'
import { accepted, bearer, endAll, figures, folder, Program, quantile, type Seen, status, stream } from './support.ts'

afterEach(endAll)

/** Repeats a slow measurement: it must measure the program, not other load on the machine. */
const timing = { retry: 2 }

/** Starts an API and a worker as two processes on one file. */
async function pair() {
  const file = join(folder(), 'jobs.db')
  const [api, worker] = await Promise.all([
    Program.start({ file, api: true }),
    Program.start({ file, work: { concurrency: 10 } }),
  ])
  return { file, url: api.url ?? '', worker }
}

test('an event stream shows progress of another process within 100 ms', timing, async () => {
  const { url } = await pair()
  const follow = async () => {
    const { jobId } = await accepted(url, 'clock', { times: 14, everyMs: 150 })
    const late: number[] = []
    const versions: number[] = []
    let end = ''
    for await (const { at, id, data } of stream(url, jobId)) {
      if (id !== undefined) versions.push(id)
      if (data?.type === 'job.progress' && data.data.progressMessage) late.push(at - Number(data.data.progressMessage))
      if (data?.data.completedAt) end = data.type
    }
    expect(end).toBe('job.completed')
    // Versions increase, so no event was repeated or out of order.
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b))
    return late
  }
  const late = (await Promise.all(Array.from({ length: 8 }, follow))).flat()
  console.log(figures('SSE, from progress() in the worker to the reader of the API', late))
  expect(late.length).toBeGreaterThanOrEqual(50)
  // On a busy machine a few events may be late, but not most of them.
  expect(quantile(late, 0.5)).toBeLessThan(100)
  expect(quantile(late, 0.9)).toBeLessThan(200)
})

test('a cancellation in one process aborts the handler in another', timing, async () => {
  const { url, worker } = await pair()
  const late: number[] = []
  for (let n = 0; n < 10; n++) {
    const key = `cancelled-${n}`
    const { jobId } = await accepted(url, 'held', { key })
    await worker.reported('start', key)
    const asked = Date.now()
    const answer = await fetch(`${url}/${jobId}/cancel`, { method: 'POST', headers: bearer })
    expect(answer.status).toBe(202)
    expect(((await answer.json()) as Seen & { cancelRequestedAt: string }).cancelRequestedAt).not.toBeNull()
    const { at, reason } = await worker.reported('abort', key)
    expect(reason).toBe('The job was cancelled.')
    late.push(at - asked)
    const ended = await until(async () => {
      const seen = await status(url, jobId)
      return seen.completedAt && seen
    }, 'the job ends')
    expect(ended).toMatchObject({ status: 'cancelled', attempt: 1, error: { code: 'cancelled' } })
  }
  console.log(figures('cancel, from the request to the abort in the worker', late))
  expect(quantile(late, 0.5)).toBeLessThan(300)
})

test('a job accepted by one process starts in another', timing, async () => {
  const { url, worker } = await pair()
  const sinceAsked: number[] = []
  const sinceAnswered: number[] = []
  for (let n = 0; n < 100; n++) {
    const key = `prompt-${n}`
    const asked = Date.now()
    await accepted(url, 'steps', { key, steps: 0, stepMs: 0 })
    const answered = Date.now()
    const { at } = await worker.reported('start', key)
    sinceAsked.push(at - asked)
    sinceAnswered.push(Math.max(0, at - answered))
  }
  console.log(figures('enqueue, from the request to the start in the worker', sinceAsked))
  console.log(figures('enqueue, from the 202 to the start in the worker', sinceAnswered))
  expect(quantile(sinceAnswered, 0.5)).toBeLessThan(200)
})
