import { expect, test } from 'vitest'
import { z } from 'zod'
import { createJobs, job, silentLog, sqlite } from '../../packages/uketsuke/src/index.ts'
import { open } from '../../packages/uketsuke/src/store/sqlite/open.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { until } from '../until.ts'

test('a job that a process of an earlier version has stored, without a rank, runs in its turn', async () => {
  const file = tempFile()
  const order: number[] = []
  const run = ({ input }: { input: { n: number } }) => void order.push(input.n)
  const jobs = createJobs({
    jobs: { one: job({ input: z.object({ n: z.int() }), run }) },
    store: sqlite(file),
    log: silentLog,
  })
  atEnd(() => jobs.close())
  for (let n = 0; n < 5; n++) await jobs.enqueue('one', { n })
  const earlier = await open(file)
  earlier.exec('UPDATE jobs SET rank = NULL, run_at = run_at - 5000 WHERE rowid IN (2, 4)')
  earlier.close()
  await jobs.work({ concurrency: 1 })
  await until(() => order.length === 5)
  expect(order).toEqual([1, 3, 0, 2, 4])
})
