import { expect, test } from 'vitest'
import { z } from 'zod'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { until } from '../until.ts'
import { atEnd, open, tempFile } from './setup.ts'

const input = z.object({})

/** A type that notes the owners of its jobs in the order in which they start. */
function noting(more: object = {}) {
  const owners: string[] = []
  const type = job({ input, ...more, run: ({ owner }) => void owners.push(owner) })
  return { owners, type, before: (owner: string) => owners.indexOf(owner) }
}
const many = (count: number) => Array.from({ length: count }, () => ({}))

test('the jobs of one owner do not hold up those of another, which came later', async () => {
  const { owners, type } = noting()
  const { jobs, clock } = open({ one: type })
  await jobs.enqueueMany('one', many(2_000), { owner: 'heavy' })
  await clock.advance(5_000)
  await jobs.enqueueMany('one', many(5), { owner: 'light' })
  await jobs.enqueue('one', {}, { owner: 'late' })
  await jobs.work({ concurrency: 1 })
  await until(() => owners.length === 2_006)
  expect(owners.slice(0, 12).filter((owner) => owner === 'light')).toHaveLength(5)
  expect(owners.indexOf('late')).toBeLessThan(4)
})

test('an owner whose jobs came while the first ones ran gets its turn as well', async () => {
  const { owners, type } = noting()
  const { jobs, clock } = open({ one: type })
  await jobs.enqueueMany('one', many(300), { owner: 'heavy' })
  const worker = await jobs.work({ concurrency: 1 })
  await until(() => owners.length > 20)
  await worker.stop()
  const ran = owners.length
  await clock.advance(300)
  await jobs.enqueueMany('one', many(10), { owner: 'light' })
  await jobs.work({ concurrency: 1 })
  await until(() => owners.length === 310)
  expect(owners.slice(ran, ran + 22).filter((owner) => owner === 'light')).toHaveLength(10)
})

test('an owner whose first job came a little later is as near to its turn as the first one', async () => {
  const { owners, type } = noting()
  const { jobs, clock } = open({ one: type })
  await jobs.enqueue('one', {}, { owner: 'heavy' })
  await clock.advance(240)
  await jobs.enqueue('one', {}, { owner: 'light' })
  await clock.advance(300)
  await jobs.enqueueMany('one', many(200), { owner: 'heavy' })
  await jobs.enqueueMany('one', many(5), { owner: 'light' })
  await jobs.work({ concurrency: 1 })
  await until(() => owners.length === 207)
  expect(owners.slice(0, 13).filter((owner) => owner === 'light')).toHaveLength(6)
})

test('the jobs of one owner keep their order', async () => {
  const order: number[] = []
  const { jobs } = open({
    one: job({ input: z.object({ n: z.int() }), run: ({ input }) => void order.push(input.n) }),
  })
  for (let n = 0; n < 30; n++) await jobs.enqueue('one', { n }, { owner: n % 2 === 0 ? 'ann' : 'bob' })
  await jobs.work({ concurrency: 1 })
  await until(() => order.length === 30)
  expect(order).toEqual(Array.from({ length: 30 }, (_, n) => n))
})

test('weights give an owner more work than others', async () => {
  const { owners, type } = noting()
  const { jobs } = open({ one: type }, { fairness: { weights: { big: 4, small: 0.5 } } })
  for (const owner of ['small', 'usual', 'big']) await jobs.enqueueMany('one', many(400), { owner })
  await jobs.work({ concurrency: 1 })
  await until(() => owners.length === 1_200)
  const share = (owner: string) => owners.slice(0, 440).filter((one) => one === owner).length
  expect(share('big')).toBeGreaterThan(310)
  expect(share('usual')).toBeGreaterThan(75)
  expect(share('usual')).toBeLessThan(85)
  expect(share('small')).toBeGreaterThan(37)
  expect(share('small')).toBeLessThan(43)
})

test('a thousand owners get equal shares, however much each has waiting', async () => {
  const { owners, type } = noting()
  const { jobs } = open({ one: type })
  for (let n = 0; n < 1_000; n++) await jobs.enqueueMany('one', many(20 + (n % 3) * 20), { owner: `owner-${n}` })
  const worker = await jobs.work({ concurrency: 100 })
  await until(() => owners.length >= 20_000)
  await worker.stop()
  const shares = new Map<string, number>()
  for (const owner of owners.slice(0, 20_000)) shares.set(owner, (shares.get(owner) ?? 0) + 1)
  expect(shares.size).toBe(1_000)
  for (const [owner, share] of shares) expect(Math.abs(share - 20), `${owner}: ${share}`).toBeLessThanOrEqual(1)
})

test('within a limit, owners take turns as well', async () => {
  const { owners, type } = noting({ concurrency: { limit: 1 } })
  const { jobs, clock } = open({ one: type })
  await jobs.enqueueMany('one', many(50), { owner: 'heavy' })
  await clock.advance(2_000)
  await jobs.enqueueMany('one', many(5), { owner: 'light' })
  await jobs.work()
  await until(() => owners.length === 55)
  expect(owners.slice(0, 12).filter((owner) => owner === 'light')).toHaveLength(5)
})

test('a normal job waits for a bounded number of jobs of high priority', async () => {
  const { owners, type } = noting()
  const { jobs } = open({ one: type })
  await jobs.enqueueMany('one', many(200), { owner: 'high', priority: 'high' })
  await jobs.enqueueMany('one', many(3), { owner: 'normal' })
  await jobs.work({ concurrency: 1 })
  await until(() => owners.length === 203)
  const at = owners.flatMap((owner, i) => (owner === 'normal' ? [i] : []))
  expect(at).toEqual([20, 41, 62])
})

test('a job that was put off or has failed takes its turn by its time', async () => {
  const owners: string[] = []
  const { jobs, clock } = open({
    one: job({
      input,
      backoff: { base: 1_000 },
      run: ({ owner, attempt }) => {
        owners.push(`${owner} ${attempt}`)
        if (owner === 'failing' && attempt === 1) throw new Error('It broke.')
      },
    }),
  })
  await jobs.enqueue('one', {}, { owner: 'later', delay: 10_000 })
  await jobs.enqueue('one', {}, { owner: 'failing' })
  await jobs.work({ concurrency: 1 })
  await until(() => owners.length === 1)
  await clock.advance(1_000)
  await until(() => owners.length === 2)
  await clock.advance(9_000)
  await until(() => owners.length === 3)
  expect(owners).toEqual(['failing 1', 'failing 2', 'later 1'])
})

test.each([[{ ann: 0 }], [{ ann: -1 }], [{ ann: Number.NaN }], [{ ann: '2' }], [{ ann: 1_001 }], ['ann'], [null]])(
  'the weights %j are refused',
  (weights) => {
    const options = { jobs: { one: noting().type }, store: sqlite(tempFile()), fairness: { weights }, log: silentLog }
    expect(() => createJobs(options as never)).toThrow(/fairness\.weights/)
  },
)

test('a function may give the weights, and what is no weight is an error of the program', async () => {
  const jobs = createJobs({
    jobs: { one: noting().type },
    store: sqlite(tempFile()),
    fairness: { weights: (owner) => (owner === 'bad' ? 0 : 2) },
    log: silentLog,
  })
  atEnd(() => jobs.close())
  await jobs.enqueueMany('one', many(2), { owner: 'good' })
  await expect(jobs.enqueueMany('one', many(2), { owner: 'bad' })).rejects.toThrow(TypeError)
})
