import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { accepted, endAll, figures, finally_, Program, quantile, stream } from '../crash/support.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { RedisServer } from '../servers/redis.ts'
import { until } from '../until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())
afterEach(endAll)

test.each([
  { by: 'LISTEN/NOTIFY', start: async () => ({}) },
  {
    by: 'Redis',
    start: async () => {
      const redis = await RedisServer.start()
      finally_(() => redis.stop())
      return { redisUrl: redis.url }
    },
  },
])(
  'over PostgreSQL and $by, an event stream of one process shows progress of another within 50 ms in the median',
  // One of several runs must be fast enough, so that other load on the machine does not fail the test.
  { retry: 2 },
  async ({ by, start }) => {
    const relay = await start()
    const common = { database: { connectionString: await server.create() }, ...relay }
    const [api, worker] = await Promise.all([
      Program.start({ ...common, api: true }),
      Program.start({ ...common, work: { concurrency: 10 } }),
    ])
    if ('redisUrl' in relay) {
      // Until then the processes poll the store, which can be as fast by chance.
      const connected = () => [api, worker].every(({ output }) => output.includes('Redis is connected'))
      await until(connected, 'both are connected')
    }
    const late: number[] = []
    const follow = async () => {
      const { jobId } = await accepted(api.url ?? '', 'clock', { times: 30, everyMs: 120 })
      let status: string | undefined
      for await (const { at, data } of stream(api.url ?? '', jobId)) {
        status = data?.data.status ?? status
        if (data?.type === 'job.progress' && data.data.progressMessage) {
          late.push(at - Number(data.data.progressMessage))
        }
      }
      expect(status).toBe('completed')
    }
    await Promise.all(Array.from({ length: 3 }, follow))
    console.log(figures(`PostgreSQL and ${by}, SSE, from progress() in a worker to the reader of an API`, late))
    expect(late.length).toBeGreaterThanOrEqual(50)
    expect(quantile(late, 0.5)).toBeLessThan(50)
  },
)
