import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { estimate, mostRunTimes, runTimesOf } from '../../packages/uketsuke/src/domain/estimate.ts'
import { allOwners, createJobs, type JobContext, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, gate, open, tempFile } from './setup.ts'

const every = { owner: allOwners as typeof allOwners }

/** Runs of the demo’s report, of 1 to 48 months at different paces: when each progress was reported, in milliseconds from the start. */
const recorded = JSON.parse(readFileSync(new URL('./recorded-runs.json', import.meta.url), 'utf8')) as {
  took: number
  progress: [at: number, percent: number][]
}[]

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** The errors of the estimates of the time left at some progress, as parts of the time that was left. */
function errorsAt(least: number): number[] {
  return recorded.flatMap(({ took, progress }, i) => {
    const times = runTimesOf(recorded.slice(Math.max(0, i - mostRunTimes), i).map((run) => run.took))
    const [now, percent] = progress.find(([, percent]) => percent >= least) ?? [0, 0]
    const told = estimate({ status: 'running', startedAt: 0, progress: percent }, now, times)
    return told === null || now >= took ? [] : [Math.abs(told.at - took) / (took - now)]
  })
}

describe('on recorded runs of the demo', () => {
  it('the median error of the time left is less than 25 % at half of the progress', () => {
    const errors = errorsAt(50)
    console.info(
      `median error: ${[10, 25, 50, 75].map((at) => `at ${at} %: ${(100 * median(errorsAt(at))).toFixed(1)} %`).join(', ')}`,
    )
    expect(errors).toHaveLength(recorded.length)
    expect(median(errors)).toBeLessThan(0.25)
  })
})

describe('a running job', () => {
  const system = () => {
    const holds: { context: JobContext<unknown>; end(): void }[] = []
    const held = job({
      input: z.object({}),
      run: async (context) => {
        const { open, passed } = gate()
        holds.push({ context, end: open })
        await passed
      },
    })
    const file = tempFile()
    const { jobs, clock } = open({ held }, { store: sqlite(file), authenticate: () => ({ owner: 'ann' }) })
    const start = async () => {
      const { jobId } = await jobs.enqueue('held', {}, { owner: 'ann' })
      const held = await until(() => holds.find(({ context }) => context.jobId === jobId))
      return { jobId, ...held }
    }
    return { jobs, clock, start, file, held }
  }

  it('tells when it will complete by its own progress, in the status, in events and to the library', async () => {
    const { jobs, clock, start } = system()
    await jobs.work()
    const { jobId, context, end } = await start()
    expect(await jobs.get(jobId, every)).not.toHaveProperty('estimatedCompletionAt')
    await clock.advance(20_000)
    context.progress(40)
    await until(async () => (await jobs.get(jobId, every))?.progress === 40)
    const started = Date.parse((await jobs.get(jobId, every))?.startedAt ?? '')
    const expected = {
      estimatedCompletionAt: new Date(started + 50_000).toISOString(),
      estimateConfidence: 'medium',
    }
    const status = await jobs.fetch(new Request(`http://x/api/jobs/${jobId}`))
    expect(await status.json()).toMatchObject(expected)
    expect(status.headers.get('retry-after')).toBe('8')
    const stream = await jobs.fetch(new Request(`http://x/api/jobs/${jobId}/stream`))
    let seen = ''
    for await (const chunk of stream.body ?? []) {
      seen += Buffer.from(chunk).toString()
      if (seen.includes('\ndata: {')) break
    }
    expect(JSON.parse(/^data: (.*)$/m.exec(seen)?.[1] ?? '').data).toMatchObject(expected)
    end()
    await until(async () => (await jobs.get(jobId, every))?.status === 'completed')
    expect(await jobs.get(jobId, every)).not.toHaveProperty('estimatedCompletionAt')
  })

  it('tells it by what its type usually takes, also in a process that has run none', async () => {
    const { jobs, clock, start, file, held } = system()
    const worker = await jobs.work()
    for (let i = 0; i < 20; i++) {
      const { jobId, end } = await start()
      await clock.advance(30_000)
      end()
      await until(async () => (await jobs.get(jobId, every))?.status === 'completed')
    }
    await clock.advance(10_000)
    const { jobId, end } = await start()
    const front = createJobs({ jobs: { held }, store: sqlite(file), clock, log: silentLog })
    atEnd(() => front.close())
    const told = await until(async () => {
      const found = await front.get(jobId, every)
      return found?.status === 'running' && found.estimatedCompletionAt !== undefined ? found : null
    })
    expect(Date.parse(told.estimatedCompletionAt ?? '') - Date.parse(told.startedAt)).toBe(30_000)
    expect(told.estimateConfidence).toBe('high')
    end()
    await until(async () => (await jobs.get(jobId, every))?.status === 'completed')
    void worker
  })
})
