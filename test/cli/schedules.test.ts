import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { atEnd } from '../jobs/setup.ts'
import { endAll, fresh, uketsuke } from './run.ts'

afterEach(endAll)

async function filled() {
  const store = fresh()
  const types = { report: job({ input: z.object({}), run: () => {} }) }
  const jobs = createJobs({
    jobs: types,
    store: sqlite(store),
    schedules: { nightly: { type: 'report', input: {}, cron: '0 2 * * *', timezone: 'Europe/Berlin' } },
    log: silentLog,
  })
  atEnd(() => jobs.close())
  await jobs.ready()
  await jobs.schedules.set('mine', { type: 'report', input: {}, cron: '@hourly' })
  return { jobs, run: (...args: string[]) => uketsuke([...args, '--store', store]) }
}

test('lists, pauses, resumes, runs and removes schedules', async () => {
  const { jobs, run } = await filled()
  const list = await run('schedules', 'ls')
  expect(list.out.split('\n').slice(0, 3)).toEqual([
    'mine: report, @hourly UTC',
    '  last never',
    expect.stringMatching(/^ {2}next \d{4}-\S+:00:00\.000Z$/),
  ])
  expect(list.out.match(/^ {2}next /gm)).toHaveLength(10)
  expect(list.out).toContain('nightly: report, 0 2 * * * Europe/Berlin')
  expect(JSON.parse((await run('schedules', 'ls', '--json')).out)).toMatchObject([
    { name: 'mine' },
    { name: 'nightly' },
  ])
  expect((await run('schedules', 'pause', 'mine', 'nightly')).out).toBe('Paused mine.\nPaused nightly.\n')
  expect((await run('schedules', 'ls')).out).toContain('nightly (paused)')
  expect((await run('schedules', 'resume', 'nightly')).out).toMatch(/^Resumed nightly\. Next: \d{4}/)
  expect((await run('schedules', 'run', 'nightly')).out).toBe('A worker runs nightly within seconds.\n')
  expect((await run('schedules', 'rm', 'mine')).out).toBe('Removed mine.\n')
  expect((await jobs.schedules.list()).map(({ name }) => name)).toEqual(['nightly'])
})

test('pauses and resumes types', async () => {
  const { jobs, run } = await filled()
  expect((await run('pause', 'report')).out).toBe('Paused: report.\n')
  expect((await run('pause', '--all')).out).toBe('Paused: all types.\n')
  expect(await jobs.paused()).toEqual(['*', 'report'])
  expect((await run('resume', '--all')).out).toBe('Paused: report.\n')
  expect((await run('resume', 'report')).out).toBe('No type is paused.\n')
})

test.each([
  [['schedules'], 2, /needs ls, pause, resume, run or rm/],
  [['schedules', 'ls', 'x'], 2, /takes no names/],
  [['schedules', 'pause'], 2, /takes one or more names/],
  [['schedules', 'pause', 'mine', '--json'], 2, /has no option --json/],
  [['schedules', 'pause', 'no'], 1, /There is no schedule "no"/],
  [['schedules', 'rm', 'nightly'], 1, /declared in code/],
  [['pause'], 2, /takes job types, or --all/],
  [['resume', 'report', '--all'], 2, /takes job types, or --all/],
])('%j fails with one sentence', async (args, code, sentence) => {
  const { run } = await filled()
  const result = await run(...args)
  expect(result).toMatchObject({ code, out: '' })
  expect(result.err).toMatch(sentence)
  expect(result.err.trim().split('\n')).toHaveLength(1)
})
