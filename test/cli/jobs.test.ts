import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { createJobs, JobError, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { Cli, endAll, fresh, uketsuke } from './run.ts'

afterEach(endAll)

const types = {
  report: job({ input: z.object({ n: z.number() }), run: ({ input }) => ({ n: input.n }) }),
  broken: job({
    input: z.object({}),
    maxAttempts: 1,
    run() {
      throw new JobError('No paper')
    },
  }),
}

async function filled() {
  const store = fresh()
  const jobs = createJobs({ jobs: types, store: sqlite(store), log: silentLog })
  const worker = await jobs.work()
  const broken = await jobs.enqueue('broken', {}, { owner: 'bob' })
  for await (const _ of jobs.watch(broken.jobId, { owner: 'bob' }));
  const report = await jobs.enqueue('report', { n: 7 }, { owner: 'ann', delay: 3_600_000 })
  await worker.stop()
  await jobs.close()
  const run = (...args: string[]) => uketsuke(['jobs', ...args, '--store', store])
  return { store, run, broken: broken.jobId, report: report.jobId }
}

test('lists, shows, cancels, retries and deletes jobs', async () => {
  const { run, broken, report } = await filled()
  const list = await run('ls')
  expect(list.out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
    ['ID', 'TYPE', 'STATUS', 'PROGRESS'],
    [report, 'report', 'pending', '0 %'],
    [broken, 'broken', 'failed', '0 %'],
    [''],
  ])
  expect((await run('ls', '--status', 'failed,cancelled', '--type', 'broken', '--owner', 'bob')).out).toContain(
    'No paper',
  )
  expect((await run('ls', '--owner', 'bob')).out).not.toContain(report)
  expect(JSON.parse((await run('ls', '--json', '--limit', '1')).out)).toMatchObject([{ jobId: report }])

  const shown = await run('show', broken)
  expect(shown.out).toMatch(/^attempt 1: failed$/m)
  expect(shown.out).toContain('JobError: No paper\n    at ')
  expect(JSON.parse((await run('show', report, '--json')).out)).toMatchObject({
    input: { n: 7 },
    attempts: [],
    deliveries: [],
  })

  expect((await run('cancel', report)).out).toContain('cancelled')
  const again = await run('retry', broken, report, '--json')
  const made = again.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(made).toMatchObject([{ retryOf: broken, status: 'pending' }, { retryOf: report }])
  expect(await run('rm', broken, report)).toMatchObject({ code: 0, out: `Deleted ${broken}.\nDeleted ${report}.\n` })
  expect(await run('show', broken)).toMatchObject({ code: 1, err: `There is no job ${broken}.\n` })
})

test('follows a job to its end', async () => {
  const { store, run, report } = await filled()
  const tail = new Cli(['jobs', 'tail', report, '--store', store])
  await tail.says(/pending {3}\[\.{20}\] {3}0 %/)
  await run('cancel', report)
  expect(await tail.ended).toBe(0)
  // What the handler has logged comes in between.
  expect(tail.out).toMatch(/^cancelled /m)
  const lines = (await run('tail', report, '--json')).out.trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).status)).toEqual(['cancelled'])
})

test('top shows what waits and runs, once or again and again', async () => {
  const { store } = await filled()
  const once = await uketsuke(['top', '--once', '--store', store])
  const rows = once.out.split('\n').map((line) => line.trim().split(/ {2,}/))
  expect(rows).toContainEqual(['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'])
  expect(rows).toContainEqual(['jobs', '1', '0', '0', '1', '0'])
  expect(rows).toContainEqual(['report', '1', '0', '-'])
  const live = new Cli(['top', '--json', '--interval', '1', '--store', store])
  await live.says(/\n.*\n/)
  live.child.kill('SIGINT')
  expect(await live.ended).toBe(0)
  for (const line of live.out.trim().split('\n')) {
    expect(JSON.parse(line)).toMatchObject({ jobs: { failed: 1 }, types: [{ type: 'report', pending: 1 }] })
  }
  expect((await uketsuke(['top', '--interval', '0', '--store', store])).code).toBe(2)
})

test.each([
  [[], 'needs ls, show, tail, cancel, retry or rm'],
  [['nonsense'], 'needs ls, show, tail, cancel, retry or rm'],
  [['show'], 'takes one job id'],
  [['ls', 'x'], 'takes no ids'],
  [['cancel'], 'takes one or more job ids'],
  [['rm', 'x', '--json'], 'has no option --json'],
  [['ls', '--status', 'done'], '--status must be one or more of pending'],
  [['ls', '--limit', '0'], '--limit must be an integer from 1 to 100'],
  [['ls', '--nonsense'], "Unknown option '--nonsense'"],
])('rejects %j', async (args, message) => {
  const { code, err } = await uketsuke(['jobs', ...args, '--store', fresh()])
  expect([code, err]).toEqual([2, expect.stringContaining(message)])
})

test.each(['show', 'tail', 'cancel', 'retry', 'rm'])('%s of an unknown job fails', async (action) => {
  const { code, err } = await uketsuke(['jobs', action, '01JD0000000000000000000000', '--store', fresh()])
  expect([code, err.toLowerCase()]).toEqual([1, expect.stringMatching(/not found|no job/)])
})
