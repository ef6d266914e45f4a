import { expect, it } from 'vitest'
import { z } from 'zod'
import { createJobs } from '../../packages/uketsuke/src/api/create-jobs.ts'
import { job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { allOwners } from '../../packages/uketsuke/src/store/port.ts'
import { open as openDatabase } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { manualClock } from '../../packages/uketsuke/src/testing/clock.ts'
import { atEnd, tempFile } from './setup.ts'

const all = { owner: allOwners } as const
const day = 24 * 60 * 60_000
const huge = '9000000000000000000'
const types = {
  one: job({
    input: z.object({}),
    maxAttempts: 2,
    retention: day,
    run: ({ attempt }) => Promise.reject(new Error(`no ${attempt}`)),
  }),
}

/** Creates three jobs, two of which have ended, and damages the second one in the database. */
async function damaged(damage: string) {
  const file = tempFile()
  const clock = manualClock()
  const jobs = createJobs({
    jobs: types,
    store: sqlite(file),
    clock,
    log: silentLog,
    authenticate: () => ({ owner: 'ann' }),
  })
  atEnd(async () => {
    const closed = jobs.close()
    await clock.advance(25_000)
    await closed
  })
  const ids = (await jobs.enqueueMany('one', [{}, {}], { owner: 'ann' })).map(({ jobId }) => jobId)
  const worker = await jobs.work()
  await clock.advance(5_000)
  await worker.stop()
  ids.push((await jobs.enqueue('one', {}, { owner: 'ann' })).jobId)
  ids.push((await jobs.enqueue('one', {}, { owner: 'ann' })).jobId)
  const db = await openDatabase(file)
  db.exec(damage.replaceAll('$ended', `'${ids[1]}'`).replaceAll('$waiting', `'${ids[2]}'`))
  db.close()
  return { jobs, clock, ids }
}

it.each([
  ["UPDATE jobs SET error = '{' WHERE id = $ended"],
  ["UPDATE jobs SET error = 'null' WHERE id = $ended"],
  ["UPDATE jobs SET error = '7', last_error = '[]' WHERE id = $ended"],
  [`UPDATE jobs SET error = '{"code":7,"message":{},"retryable":1}' WHERE id = $ended`],
  ["UPDATE jobs SET output = '{', metadata = '{', input = '{' WHERE id = $ended"],
  [`UPDATE jobs SET created_at = ${huge}, run_at = -${huge}, started_at = ${huge} WHERE id = $ended`],
  [`UPDATE jobs SET completed_at = -${huge}, expires_at = ${huge}, retain_for = ${huge} WHERE id = $ended`],
  ['UPDATE jobs SET expires_at = 9007199254740991, retain_for = 9007199254740991 WHERE id = $ended'],
  [`UPDATE attempts SET error = '{', started_at = ${huge}, ended_at = -${huge} WHERE job_id = $ended`],
  [`UPDATE jobs SET retain_for = ${huge}, created_at = -${huge}, run_at = -${huge} WHERE id = $waiting`],
  [`UPDATE jobs SET run_at = ${huge} WHERE id = $waiting`],
  ["UPDATE jobs SET last_error = '{', metadata = '{' WHERE id = $waiting"],
  ["UPDATE jobs SET input = '{' WHERE id = $waiting"],
])('a damaged row does not affect other jobs: %s', async (damage) => {
  const { jobs, clock, ids } = await damaged(damage)
  expect((await jobs.list(all)).items.map(({ jobId }) => jobId)).toEqual(ids.toReversed())
  const page = await jobs.fetch(new Request('http://localhost/api/jobs'))
  expect([page.status, ((await page.json()) as { items: object[] }).items.length]).toEqual([200, 4])
  for (const id of ids) {
    const seen = (await jobs.get(id, { ...all, include: ['input'] }))!
    for (const time of [
      seen.createdAt,
      seen.runAt,
      seen.completedAt ?? seen.createdAt,
      seen.expiresAt ?? seen.createdAt,
    ]) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT/)
    }
    expect(await jobs.attempts(id, all)).toHaveLength(id < ids[2]! ? 2 : 0)
    expect((await jobs.fetch(new Request(`http://localhost/api/jobs/${id}?include=input`))).status).toBe(200)
  }
  const worker = await jobs.work()
  await clock.advance(5_000)
  expect(await jobs.get(ids[3]!, all)).toMatchObject({ status: 'failed', attempt: 2 })
  await worker.stop()
  await clock.advance(day)
  await (await jobs.work()).stop()
  expect(await jobs.get(ids[0]!, all)).toBeNull()
})
