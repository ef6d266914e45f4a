import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  allOwners,
  createJobs,
  type JobsOptions,
  type JobTypes,
  job,
  type StoreFactory,
  silentLog,
  sqlite,
} from 'uketsuke'
import { expressAccept } from 'uketsuke/express'
import { nodeListener } from 'uketsuke/node'
import { postgres } from 'uketsuke/postgres'
import { redis } from 'uketsuke/redis'
import { z } from 'zod'
import type { Handler, OpenOptions, Payload, Place, Queue } from './port.ts'
import { seedPostgres, seedSqlite } from './seed.ts'

export const onSqlite = (place: Place, options: OpenOptions) => {
  const file = join(place.folder, 'jobs.db')
  return open(sqlite(file), {}, options, (finished, waiting, foreign) =>
    seedSqlite(file, finished, waiting, { ...ours, foreign }),
  )
}

export const onPostgres = (place: Place, options: OpenOptions) =>
  open(postgres(place.postgres), {}, options, seedTable(place))

export const onPostgresAndRedis = (place: Place, options: OpenOptions) =>
  open(postgres(place.postgres), { dispatch: redis(place.redis) }, options, seedTable(place))

/** Old ids that are ULIDs too; the input is found by its column, whatever else the table has. */
const ours = { table: 'jobs', id: 'id', payload: 'input', sqlId: (n: string) => `printf('%026d', ${n})` }

function seedTable(place: Place): NonNullable<Queue['seed']> {
  const rows = { ...ours, table: 'uketsuke.jobs' }
  return (finished, waiting, foreign) => seedPostgres(place.postgres, finished, waiting, { ...rows, foreign })
}

/** The schema that its user would write. */
const input = z.object({ n: z.number(), at: z.number(), pad: z.string() })
const owner = 'bench'

async function open(
  store: StoreFactory,
  more: Pick<JobsOptions<JobTypes>, 'dispatch'>,
  { webhookUrl, lease }: OpenOptions,
  seed: NonNullable<Queue['seed']>,
): Promise<Queue> {
  let handler: Handler = () => {
    throw new Error('No handler yet.')
  }
  const options: JobsOptions<{ noop: ReturnType<typeof noop> }> = {
    jobs: { noop: noop((payload) => handler(payload)) },
    store,
    authenticate: () => ({ owner }),
    log: silentLog,
    ...more,
  }
  if (lease !== undefined) options.lease = lease
  if (webhookUrl !== undefined) {
    options.webhooks = { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', allowHosts: [new URL(webhookUrl).host] }
  }
  const jobs = createJobs(options)
  await jobs.ready()
  const asked = webhookUrl === undefined ? { owner } : { owner, webhookUrl }
  const enqueue = (payload: Payload) => jobs.enqueue('noop', payload, asked)

  async function onExpress() {
    const { default: express } = await import('express')
    const app = express()
    const asked = ({ body }: { body?: unknown }) => ({
      type: 'noop' as const,
      input: (body as { input: unknown }).input,
    })
    app.post('/jobs', express.json(), expressAccept(jobs, asked))
    return app
  }

  return {
    durability: async () => jobs.store.description.durability,
    enqueue,
    bulk: (payloads) => jobs.enqueueMany('noop', payloads, asked),
    async work(run, { concurrency = 200 } = {}) {
      handler = run
      const worker = await jobs.work({ concurrency })
      return () => worker.stop()
    },
    async counts() {
      const { jobs: mine, deliveries } = await jobs.stats()
      return { waiting: mine.pending + mine.running, ended: mine.completed, delivered: deliveries.completed }
    },
    async tell(payload) {
      const { jobId } = await enqueue(payload)
      for await (const state of jobs.watch<'noop'>(jobId, { owner: allOwners }))
        if (state.status === 'completed') return state.output
      throw new Error('The job did not complete.')
    },
    async serve(on) {
      const server = createServer(on === 'node' ? nodeListener(jobs) : await onExpress())
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      return {
        url: `http://127.0.0.1:${port}${on === 'node' ? jobs.basePath : '/jobs'}`,
        close: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            server.closeAllConnections()
          }),
      }
    },
    seed,
    close: () => jobs.close(),
  }
}

const noop = (run: Handler) => job({ input, run: ({ input: payload }) => run(payload) })
