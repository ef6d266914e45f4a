import { Queue as BullQueue, createPostgresBackend, type Job, QueueEvents, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { pgDurability, query } from './pg-query.ts'
import type { OpenOptions, Payload, Queue, Resources } from './port.ts'
import { seedBullmq } from './seed.ts'

const name = 'bench'

/**
 * Tuned as its documentation recommends: one connection per class, `maxRetriesPerRequest: null` for workers, and a concurrency of some
 * hundreds for jobs that do not use the CPU. Finished jobs are kept, which is its default and ours.
 */
type Backend = {
  queue: BullQueue
  worker(run: (job: Job) => Promise<unknown>, concurrency: number): Worker
  events(): QueueEvents
  durability(): Promise<string>
  disconnect(): Promise<unknown>
  seed?: Queue['seed']
}

export const onRedis = (resources: Resources, options: OpenOptions) => redis(resources.redis, options)
export const onRedisAlways = (resources: Resources, options: OpenOptions) => redis(resources.redisAlways, options)

async function redis(url: string, _: OpenOptions): Promise<Queue> {
  const connect = () => new Redis(url, { maxRetriesPerRequest: null })
  const main = connect()
  const connections = [main]
  const newConnection = () => {
    const connection = connect()
    connections.push(connection)
    return connection
  }
  return createQueue({
    queue: new BullQueue(name, { connection: main }),
    worker: (run, concurrency) => new Worker(name, run, { connection: newConnection(), concurrency }),
    events: () => new QueueEvents(name, { connection: newConnection() }),
    async durability() {
      const [, value] = (await main.config('GET', 'appendfsync')) as string[]
      return value === 'always'
        ? 'AOF, appendfsync=always'
        : `AOF, appendfsync=${value}: a crash can lose the last second`
    },
    disconnect: () => Promise.all(connections.map((one) => one.quit().catch(() => one.disconnect()))),
    seed: (finished, waiting) => seedBullmq(main, name, finished, waiting),
  })
}

export async function onPostgres(resources: Resources): Promise<Queue> {
  const connection = { connectionString: resources.postgres, migrate: true }
  const options = { connection }
  return createQueue({
    queue: new BullQueue(name, options, createPostgresBackend) as unknown as BullQueue,
    worker: (run, concurrency) =>
      new Worker(name, run, { ...options, concurrency }, createPostgresBackend) as unknown as Worker,
    events: () => new QueueEvents(name, options, createPostgresBackend) as unknown as QueueEvents,
    durability: () => pgDurability(resources.postgres),
    disconnect: () => query(resources.postgres, 'SELECT 1'),
  })
}

async function createQueue({ queue, worker, events, durability, disconnect, seed }: Backend): Promise<Queue> {
  let queueEvents: QueueEvents | null = null
  const workers: Worker[] = []
  // Closing an idle connection at the end can emit an error.
  const ignoreErrors = (one: { on(event: 'error', fn: () => void): unknown }) => one.on('error', () => {})
  ignoreErrors(queue)
  await queue.waitUntilReady()
  const openEvents = async () => {
    if (queueEvents === null) {
      queueEvents = events()
      ignoreErrors(queueEvents)
      await queueEvents.waitUntilReady()
    }
    return queueEvents
  }
  const created: Queue = {
    durability,
    enqueue: (payload) => queue.add('noop', payload),
    enqueueMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'noop', data }))),
    async work(handler, { concurrency = 200 } = {}) {
      const opened = worker(async (job) => handler(job.data as Payload), concurrency)
      ignoreErrors(opened)
      workers.push(opened)
      await opened.waitUntilReady()
      return () => opened.close()
    },
    async counts() {
      const { completed = 0, ...rest } = await queue.getJobCounts('completed', 'waiting', 'active', 'delayed', 'failed')
      return { unfinished: Object.values(rest).reduce((sum, n) => sum + n, 0), completed }
    },
    async enqueueAndWait(payload) {
      const events = await openEvents()
      return (await queue.add('noop', payload)).waitUntilFinished(events)
    },
    async close() {
      await Promise.all(workers.map((one) => one.close()))
      await queueEvents?.close()
      await queue.close()
      await disconnect()
    },
  }
  if (seed !== undefined) created.seed = seed
  return created
}
