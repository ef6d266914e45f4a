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
import type { Handler, OpenOptions, Payload, Queue, Resources } from './port.ts'
import { seedSqlite, seedUketsuke } from './seed.ts'

export const onSqlite = (resources: Resources, options: OpenOptions) => {
  const file = join(resources.folder, 'jobs.db')
  return open(sqlite(file), {}, options, (finished, waiting, otherType) =>
    seedSqlite(file, finished, waiting, { ...ours, otherType }),
  )
}

export const onPostgres = (resources: Resources, options: OpenOptions) =>
  open(postgres(resources.postgres), {}, options, seedTable(resources))

export const onPostgresAndRedis = (resources: Resources, options: OpenOptions) =>
  open(postgres(resources.postgres), { dispatch: redis(resources.redis) }, options, seedTable(resources))

/** The seeded ids are valid ULIDs that sort before all others. */
const ours = { table: 'jobs', id: 'id', payload: 'input', sqlId: (n: string) => `printf('%026d', ${n})` }

function seedTable(resources: Resources): NonNullable<Queue['seed']> {
  const sqlId = (n: string) => `lpad((${n})::text, 26, '0')`
  return (finished, waiting, otherType) =>
    seedUketsuke(resources.postgres, finished, waiting, { ...ours, sqlId, otherType })
}

/** The schema that a user would write. */
const input = z.object({ n: z.number(), at: z.number(), pad: z.string() })
const owner = 'bench'

async function open(
  store: StoreFactory,
  dispatch: Pick<JobsOptions<JobTypes>, 'dispatch'>,
  { webhookUrl, lease }: OpenOptions,
  seed: NonNullable<Queue['seed']>,
): Promise<Queue> {
  let handler: Handler = () => {
    throw new Error('The worker has not started.')
  }
  let stop = () => {}
  const stopping = new Promise<void>((resolve) => {
    stop = resolve
  })
  const options: JobsOptions<{ noop: ReturnType<typeof noop>; endless: ReturnType<typeof endless> }> = {
    jobs: { noop: noop((payload) => handler(payload)), endless: endless(stopping) },
    store,
    authenticate: () => ({ owner }),
    log: silentLog,
    ...dispatch,
  }
  if (lease !== undefined) options.lease = lease
  if (webhookUrl !== undefined) {
    options.webhooks = { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', allowHosts: [new URL(webhookUrl).host] }
  }
  const jobs = createJobs(options)
  await jobs.ready()
  const request = webhookUrl === undefined ? { owner } : { owner, webhookUrl }
  const enqueue = (payload: Payload) => jobs.enqueue('noop', payload, request)

  async function onExpress() {
    const { default: express } = await import('express')
    const app = express()
    const toRequest = ({ body }: { body?: unknown }) => ({
      type: 'noop' as const,
      input: (body as { input: unknown }).input,
    })
    app.post('/jobs', express.json(), expressAccept(jobs, toRequest))
    return app
  }

  return {
    durability: async () => jobs.store.description.durability,
    enqueue,
    enqueueMany: (payloads) => jobs.enqueueMany('noop', payloads, request),
    async work(run, { concurrency = 200 } = {}) {
      handler = run
      const worker = await jobs.work({ concurrency })
      return () => {
        const stopped = worker.stop()
        // A worker that stops starts no other.
        stop()
        return stopped
      }
    },
    async limited(count) {
      const inputs = Array.from({ length: 10_000 }, (_, n) => ({ n, at: 0, pad: '' }))
      for (let left = count; left > 0; left -= inputs.length)
        await jobs.enqueueMany('endless', inputs.slice(0, left), { owner: 'other' })
    },
    async counts() {
      const { jobs: states, deliveries } = await jobs.stats()
      return {
        unfinished: states.pending + states.running,
        completed: states.completed,
        delivered: deliveries.completed,
      }
    },
    async enqueueAndWait(payload) {
      const { jobId } = await enqueue(payload)
      for await (const state of jobs.watch('noop', jobId, { owner: allOwners }))
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

const endless = (stopping: Promise<void>) => job({ input, concurrency: { limit: 1 }, run: () => stopping })

const noop = (run: Handler) => job({ input, run: ({ input: payload }) => run(payload) })
