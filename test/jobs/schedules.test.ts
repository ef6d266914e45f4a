import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, type JobsOptions, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { until } from '../until.ts'
import { atEnd, open, tempFile, visible } from './setup.ts'

const everyone: { owner: typeof allOwners } = { owner: allOwners }
const types = () => {
  const ran: number[] = []
  const report = job({
    input: z.object({ year: z.int() }),
    run: ({ input }) => {
      ran.push(input.year)
    },
  })
  return { ran, types: { report } }
}
type Types = ReturnType<typeof types>['types']
/** At each fifth minute. */
const often = { type: 'report', input: { year: 2015 }, cron: '*/5 * * * *' } as const
const minute = 60_000
const at = (...minutes: number[]) => minutes.map((one) => `2026-03-01T00:${String(one).padStart(2, '0')}:00.000Z`)

/** Starts at midnight UTC. */
const midnight = () => manualClock(Date.parse('2026-03-01T00:00:00Z'))

function process(file: string, clock = midnight(), options: Partial<JobsOptions<Types>> = {}) {
  const { types: jobs, ran } = types()
  const system = createJobs({ jobs, store: sqlite(file), clock, log: silentLog, ...options })
  atEnd(async () => {
    const closed = system.close()
    await clock.advance(25_000)
    await closed
  })
  return { jobs: system, clock, ran }
}

const times = async (jobs: ReturnType<typeof process>['jobs']) =>
  (await jobs.list({ ...everyone, limit: 100 })).items
    .map(({ metadata }) => (metadata as { scheduledAt: string }).scheduledAt)
    .sort()

test('a declared schedule creates a job at each of its times', async () => {
  const { jobs, clock, ran } = process(tempFile(), midnight(), { schedules: { often } })
  await jobs.work()
  await clock.advance(11 * minute)
  await until(() => ran.length >= 2)
  expect(await times(jobs)).toEqual(at(5, 10))
  const [job] = (await jobs.list(everyone)).items
  expect(await jobs.get(job!.jobId, { owner: 'system', include: ['input'] })).toMatchObject({
    type: 'report',
    input: { year: 2015 },
    metadata: { schedule: 'often', scheduledAt: at(10)[0] },
  })
  expect(await jobs.schedules.list()).toEqual([
    {
      name: 'often',
      ...often,
      timezone: 'UTC',
      owner: 'system',
      missed: 'latest',
      declared: true,
      paused: false,
      next: at(15, 20, 25, 30, 35),
      lastRunAt: at(10)[0],
      lastJobId: job!.jobId,
    },
  ])
})

test('many processes create each job once', async () => {
  const [file, clock] = [tempFile(), midnight()]
  const schedules = { often: { ...often, cron: '*/10 * * * * *' } }
  const systems = [0, 1, 2].map(() => process(file, clock, { schedules }))
  await Promise.all(systems.map(({ jobs }) => jobs.work()))
  await clock.advance(120_000)
  await until(() => systems.flatMap(({ ran }) => ran).length >= 12)
  const found = await times(systems[0]!.jobs)
  expect(found).toHaveLength(12)
  expect(new Set(found).size).toBe(12)
})

describe('times that pass while no worker runs', () => {
  test.each([
    ['skip', []],
    ['latest', [15]],
    ['all', [5, 10, 15]],
  ] as const)('%s', async (missed, expected) => {
    const { jobs, clock } = process(tempFile(), midnight(), { schedules: { often: { ...often, missed } } })
    await jobs.ready()
    await clock.jump(17 * minute)
    await jobs.work()
    await clock.advance(10_000)
    expect(await times(jobs)).toEqual(at(...expected))
    await clock.advance(3 * minute)
    expect(await times(jobs)).toEqual(at(...expected, 20))
  })
})

test('a changed expression begins anew, once; a start without a change does not', async () => {
  const [file, clock] = [tempFile(), midnight()]
  const start = (cron: string) => process(file, clock, { schedules: { often: { ...often, cron } } })
  const first = start('*/5 * * * *')
  await first.jobs.ready()
  await clock.jump(7 * minute)
  const same = start('*/5 * * * *')
  await same.jobs.work()
  await clock.advance(5_000)
  expect(await times(same.jobs)).toEqual(at(5))
  // One of its times passed before the change.
  const changed = start('6,9 * * * *')
  await changed.jobs.work()
  await clock.advance(4 * minute)
  expect(await times(same.jobs)).toEqual(at(5, 9))
})

test('what is no longer declared is removed, what was made at run time stays', async () => {
  const file = tempFile()
  const first = process(file, midnight(), { schedules: { often, hourly: { ...often, cron: '0 * * * *' } } })
  await first.jobs.schedules.set('mine', { ...often, owner: 'ann', timezone: 'Asia/Tokyo', missed: 'all' })
  const names = async (jobs: typeof first.jobs) => (await jobs.schedules.list()).map(({ name }) => name)
  expect(await names(first.jobs)).toEqual(['hourly', 'mine', 'often'])
  expect(await names(process(file).jobs)).toEqual(['hourly', 'mine', 'often'])
  expect(await names(process(file, midnight(), { schedules: { often } }).jobs)).toEqual(['mine', 'often'])
  expect(await names(process(file, midnight(), { schedules: {} }).jobs)).toEqual(['mine'])
})

describe('at run time', () => {
  test('set, get, remove', async () => {
    const { jobs, clock } = process(tempFile())
    await jobs.work()
    expect(await jobs.schedules.get('mine')).toBeNull()
    const made = await jobs.schedules.set('mine', { ...often, cron: '0 9 * * *', timezone: 'Asia/Tokyo' })
    expect(made).toMatchObject({ declared: false, timezone: 'Asia/Tokyo', missed: 'latest', owner: 'system' })
    expect(made.next.slice(0, 2)).toEqual(['2026-03-02T00:00:00.000Z', '2026-03-03T00:00:00.000Z'])
    expect(await jobs.schedules.get('mine')).toEqual(made)
    await jobs.schedules.set('mine', often)
    await clock.advance(6 * minute)
    expect(await times(jobs)).toEqual(at(5))
    await jobs.schedules.remove('mine')
    await clock.advance(6 * minute)
    expect(await times(jobs)).toEqual(at(5))
    await expect(jobs.schedules.remove('mine')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a schedule is seen by other processes within seconds', async () => {
    const [file, clock] = [tempFile(), midnight()]
    const [worker, other] = [process(file, clock), process(file, clock)]
    await worker.jobs.work()
    await other.jobs.schedules.set('soon', { ...often, cron: '7 0 0 * * *' })
    await clock.advance(6_000)
    await clock.advance(1_000)
    expect(await times(other.jobs)).toEqual(['2026-03-01T00:00:07.000Z'])
  })

  test('paused, it creates no jobs, and none afterwards for the times that passed', async () => {
    const { jobs, clock } = process(tempFile(), midnight(), { schedules: { often: { ...often, missed: 'all' } } })
    await jobs.work()
    expect(await jobs.schedules.pause('often')).toMatchObject({ paused: true, next: [] })
    await clock.advance(6 * minute)
    expect(await times(jobs)).toEqual([])
    expect(await jobs.schedules.resume('often')).toMatchObject({ paused: false })
    await clock.advance(5 * minute)
    expect(await times(jobs)).toEqual(at(10))
    await expect(jobs.schedules.pause('no')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('it can run now, besides its times', async () => {
    const { jobs, ran } = process(tempFile(), midnight(), { schedules: { often: { ...often, owner: 'ann' } } })
    await jobs.work()
    const { jobId } = await jobs.schedules.run('often')
    await until(() => ran.length > 0)
    expect(await jobs.get(jobId, { owner: 'ann' })).toMatchObject({ metadata: { schedule: 'often' } })
    expect(await jobs.schedules.get('often')).toMatchObject({ lastRunAt: null })
    await expect(jobs.schedules.run('no')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a program that does not know the type can ask a worker to run it, once', async () => {
    const [file, clock] = [tempFile(), midnight()]
    const { jobs } = process(file, clock, { schedules: { often } })
    await Promise.all([jobs.work(), process(file, clock, { schedules: { often } }).jobs.work()])
    const operator = createJobs({ jobs: {}, store: sqlite(file), clock, log: silentLog })
    atEnd(() => operator.close())
    await operator.schedules.pause('often')
    await operator.schedules.requestRun('often')
    await clock.advance(11_000)
    expect((await jobs.list(everyone)).items).toMatchObject([{ metadata: { schedule: 'often' } }])
    await expect(operator.schedules.requestRun('no')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('one that is declared in code can be paused, but not replaced or removed', async () => {
    const { jobs } = process(tempFile(), midnight(), { schedules: { often } })
    await jobs.ready()
    await expect(jobs.schedules.set('often', often)).rejects.toThrow('declared in code: change it there')
    await expect(jobs.schedules.remove('often')).rejects.toThrow('declared in code: remove it there')
    await jobs.schedules.pause('often')
    expect(await jobs.schedules.get('often')).toMatchObject({ paused: true, declared: true })
  })

  test.each<[string, object]>([
    ['/type', { type: 7 }],
    ['/cron', { cron: 'often' }],
    ['/cron', { cron: undefined }],
    ['/cron', { cron: '0 0 30 2 *' }],
    ['/timezone', { timezone: 'Mars' }],
    ['/timezone', { timezone: null }],
    ['/missed', { missed: 'some' }],
    ['/input/year', { input: { year: 'MMXV' } }],
  ])('a wrong member is pointed to: %s', async (pointer, wrong) => {
    const { jobs } = process(tempFile())
    const setting = jobs.schedules.set('mine', { ...often, ...wrong } as never)
    await expect(setting).rejects.toMatchObject({ code: 'validation-error', errors: [{ pointer }] })
    expect(await jobs.schedules.list()).toEqual([])
  })

  test('an unknown type, a wrong name and a wrong owner are refused', async () => {
    const { jobs } = process(tempFile())
    const set = (name: string, wrong: object) => jobs.schedules.set(name, { ...often, ...wrong } as never)
    await expect(set('mine', { type: 'other' })).rejects.toMatchObject({ code: 'unknown-job-type' })
    await expect(set('my schedule', {})).rejects.toMatchObject({ code: 'validation-error' })
    await expect(set('mine', { owner: '' })).rejects.toMatchObject({ code: 'invalid-owner' })
  })
})

describe('a wrong declaration fails at the start', () => {
  test.each<[string, object]>([
    ['cron', { ...often, cron: '61 * * * *' }],
    ['timezone', { ...often, timezone: 'Mars' }],
    ['unknown job type "other"', { ...often, type: 'other' }],
    ['owner', { ...often, owner: ' ' }],
    ['must be an object', 'often' as never],
  ])('%s', (why, wrong) => {
    expect(() => open(types().types, { schedules: { often: wrong } } as never)).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: expect.stringContaining(why) }),
    )
  })

  test('an input that the schema rejects', async () => {
    const { jobs } = open(types().types, { schedules: { often: { ...often, input: { year: 1.5 } } } })
    await expect(jobs.ready()).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('input/year'),
    })
  })
})

test('a process leaves the schedules of types that it does not know to others', async () => {
  const [file, clock] = [tempFile(), midnight()]
  const known = process(file, clock)
  await known.jobs.schedules.set('mine', often)
  const other = createJobs({
    jobs: { other: job({ input: z.object({}), run: () => {} }) },
    store: sqlite(file),
    clock,
    log: silentLog,
  })
  atEnd(async () => void (await Promise.all([other.close(), clock.advance(25_000)])))
  await other.work()
  await clock.advance(6 * minute)
  expect(await times(known.jobs)).toEqual([])
  await known.jobs.work()
  await clock.advance(5_000)
  expect(await times(known.jobs)).toEqual(at(5))
})

test('a full queue delays a job of a schedule, and the log says so once', async () => {
  const warned: string[] = []
  const log = { ...silentLog, warn: (_: object, message: string) => void warned.push(message), child: () => log }
  const schedules = { often: { ...often, cron: '*/10 * * * * *', missed: 'all' } } as const
  const { jobs, clock } = process(tempFile(), midnight(), { schedules, quotas: { waitingJobs: 1 }, log })
  const full = await jobs.enqueue('report', often.input, { delay: 60 * minute })
  await jobs.work()
  await clock.advance(60_000)
  expect(await jobs.schedules.get('often')).toMatchObject({ lastRunAt: null })
  await jobs.cancel(full.jobId, everyone)
  await clock.advance(60_000)
  const { items } = await jobs.list({ ...everyone, status: 'completed', limit: 100 })
  expect(items.length).toBeGreaterThanOrEqual(10)
  expect(warned.filter((message) => message === 'a schedule created no job')).toHaveLength(1)
})

test('a damaged schedule keeps no other from its jobs, and is shown without times', async () => {
  const file = tempFile()
  const { store, opened } = visible(sqlite(file))
  const { jobs, clock } = process(file, midnight(), { schedules: { often }, store })
  await jobs.ready()
  const broken = { ...often, timezone: 'Mars/Phobos', owner: 'system', missed: 'all', declared: false, after: 0 }
  const state = { paused: false, lastRunAt: null, lastJobId: null, runRequestedAt: null }
  await opened().records.update('schedule', 'uketsuke', 'broken', () => JSON.stringify({ ...broken, ...state }))
  await opened().records.update('schedule', 'uketsuke', 'empty', () => '{}')
  await opened().records.update('schedule', 'uketsuke', 'odd', () => '{')
  await jobs.work()
  await clock.advance(6 * minute)
  expect(await times(jobs)).toEqual(at(5))
  expect((await jobs.schedules.list()).map(({ name, next }) => [name, next.length])).toEqual([
    ['broken', 0],
    ['often', 5],
  ])
})

test('the ticker ends with the last worker of a process', async () => {
  const { jobs, clock } = process(tempFile(), midnight(), { schedules: { often } })
  const [first, second] = await Promise.all([jobs.work(), jobs.work()])
  await Promise.all([first.stop(), clock.advance(30_000)])
  await clock.advance(5 * minute)
  expect(await times(jobs)).toEqual(at(5))
  await Promise.all([second.stop(), clock.advance(30_000)])
  await clock.advance(10 * minute)
  expect(await times(jobs)).toEqual(at(5))
  await jobs.work()
  await clock.advance(1_000)
  expect(await times(jobs)).toEqual(at(5, 15))
})
