/** The dashboard of one process, and the jobs of another, on PostgreSQL with and without Redis. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allOwners, createJobs, job, silentLog } from '../../packages/uketsuke/src/index.ts'
import { postgres } from '../../packages/uketsuke/src/store/postgres/index.ts'
import { redis } from '../../packages/uketsuke/src/transport/redis.ts'
import { client } from '../dashboard/setup.ts'
import { atEnd } from '../jobs/setup.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { RedisServer } from '../servers/redis.ts'
import { until } from '../until.ts'

let server: PostgresServer
let cache: RedisServer
beforeAll(async () => {
  server = await startPostgres()
  cache = await RedisServer.start()
})
afterAll(async () => {
  await cache?.stop()
  await server?.stop()
})

let schemas = 0

describe.each(['PostgreSQL', 'PostgreSQL and Redis'])('%s', (engines) => {
  /** A process that serves the dashboard, and one that works. */
  function processes() {
    const schema = `dashboard_${schemas++}`
    const open = () => {
      const jobs = createJobs({
        jobs: {
          other: job({ input: z.object({}), run: () => null }),
          report: job({
            input: z.looseObject({ n: z.number() }),
            maxAttempts: 1,
            run({ input, log }) {
              log.info({ n: input.n }, 'working')
              if (input.n < 0) throw new Error('negative')
            },
          }),
        },
        store: postgres({ connectionString: server.url(), schema }),
        ...(engines.includes('Redis') && { dispatch: redis({ url: cache.url, prefix: schema }) }),
        log: silentLog,
        authenticate: () => null,
      })
      atEnd(() => jobs.close())
      return jobs
    }
    const [front, back] = [open(), open()]
    return { front, back, ...client(front.dashboard({ authorize: () => true, readOnly: false })) }
  }

  it('sees what another process does: counts, logs, errors and workers', async () => {
    const { front, back, get } = processes()
    await front.enqueueMany('report', [{ n: 1 }, { n: -1 }, { n: -2 }])
    await back.work()
    await until(async () => (await get('errors')).body.items.length > 0)
    expect((await get('errors')).body.items).toMatchObject([{ type: 'report', message: 'Error: negative', count: 2 }])
    expect((await get('types')).body.items[1]).toMatchObject({ type: 'report', completed: 1, failed: 2 })
    expect((await get('overview')).body).toMatchObject({ failed: 2, workers: { alive: 1 } })
    const { items } = (await get('jobs?status=failed&input.n=-2')).body
    expect(items).toHaveLength(1)
    expect((await get(`jobs/${items[0].jobId}`)).body.log).toMatchObject([{ message: 'working', fields: { n: -2 } }])
  })

  it('pauses a type in another process, and resumes it', async () => {
    const { front, back, get, post } = processes()
    await back.work()
    await until(async () => (await get('workers')).body.items.length === 1)
    expect((await post('types/report/pause')).status).toBe(200)
    await until(async () => (await get('types')).body.items[1].paused)
    // The worker follows with its next report.
    const [{ seenAt }] = (await get('workers')).body.items
    await until(async () => (await get('workers')).body.items[0].seenAt > seenAt)
    const { jobId } = await front.enqueue('report', { n: 1 })
    const status = async () => (await front.get(jobId, { owner: allOwners }))?.status
    // The worker goes on with other types.
    const other = await front.enqueue('other', {})
    await until(async () => (await front.get(other.jobId, { owner: allOwners }))?.status === 'completed')
    expect(await status()).toBe('pending')
    await post('types/report/resume')
    await until(async () => (await status()) === 'completed')
  })

  it('retries and deletes the jobs of a filter', async () => {
    const { front, back, get, post } = processes()
    await front.enqueueMany(
      'report',
      Array.from({ length: 30 }, (_, i) => ({ n: -1 - i })),
    )
    const worker = await back.work()
    await until(async () => (await get('jobs/count?status=failed')).body.count === 30)
    await worker.stop()
    const { until: end } = (await get('jobs/count?status=failed')).body
    const batch = { filter: 'status=failed', until: end, cursor: null }
    expect((await post('bulk/retry', { ...batch, operation: 'a' })).body).toMatchObject({
      done: 30,
      skipped: 0,
      next: null,
    })
    expect((await post('bulk/delete', { ...batch, operation: 'b' })).body).toMatchObject({
      done: 30,
      skipped: 0,
      next: null,
    })
    expect((await get('jobs/count?status=pending')).body.count).toBe(30)
  })
})
