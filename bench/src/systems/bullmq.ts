import { Queue as BullQueue, createPostgresBackend, type Job, QueueEvents, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { ask, pgDurability } from './pg-facts.ts'
import type { OpenOptions, Payload, Place, Queue } from './port.ts'
import { seedBullmq } from './seed.ts'

const name = 'bench'

/**
 * As its documentation tunes it: one connection a class, `maxRetriesPerRequest: null` for workers, a concurrency of some hundreds for jobs
 * that do not use the CPU. Ended jobs are kept, as by default and as ours are.
 */
type Parts = {
  queue: BullQueue
  worker(run: (job: Job) => Promise<unknown>, concurrency: number): Worker
  events(): QueueEvents
  durability(): Promise<string>
  hangUp(): Promise<unknown>
  seed?: Queue['seed']
}

export const onRedis = (place: Place, options: OpenOptions) => redis(place.redis, options)
export const onRedisAlways = (place: Place, options: OpenOptions) => redis(place.redisAlways, options)

async function redis(url: string, _: OpenOptions): Promise<Queue> {
  const connect = () => new Redis(url, { maxRetriesPerRequest: null })
  const mine = connect()
  const connections = [mine]
  const another = () => {
    const connection = connect()
    connections.push(connection)
    return connection
  }
  return port({
    queue: new BullQueue(name, { connection: mine }),
    worker: (run, concurrency) => new Worker(name, run, { connection: another(), concurrency }),
    events: () => new QueueEvents(name, { connection: another() }),
    async durability() {
      const [, value] = (await mine.config('GET', 'appendfsync')) as string[]
      return value === 'always' ? 'AOF, appendfsync=always' : `AOF, appendfsync=${value}: a crash may lose a second`
    },
    hangUp: () => Promise.all(connections.map((one) => one.quit().catch(() => one.disconnect()))),
    seed: (finished, waiting) => seedBullmq(mine, name, finished, waiting),
  })
}

export async function onPostgres(place: Place): Promise<Queue> {
  const connection = { connectionString: place.postgres, migrate: true }
  const options = { connection }
  return port({
    queue: new BullQueue(name, options, createPostgresBackend) as unknown as BullQueue,
    worker: (run, concurrency) =>
      new Worker(name, run, { ...options, concurrency }, createPostgresBackend) as unknown as Worker,
    events: () => new QueueEvents(name, options, createPostgresBackend) as unknown as QueueEvents,
    durability: () => pgDurability(place.postgres),
    hangUp: () => ask(place.postgres, 'SELECT 1'),
  })
}

async function port({ queue, worker, events, durability, hangUp, seed }: Parts): Promise<Queue> {
  let heard: QueueEvents | null = null
  const workers: Worker[] = []
  // An idle connection that closes at the end is no news.
  const quiet = (one: { on(event: 'error', fn: () => void): unknown }) => one.on('error', () => {})
  quiet(queue)
  await queue.waitUntilReady()
  const listening = async () => {
    if (heard === null) {
      heard = events()
      quiet(heard)
      await heard.waitUntilReady()
    }
    return heard
  }
  const port: Queue = {
    durability,
    enqueue: (payload) => queue.add('noop', payload),
    bulk: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'noop', data }))),
    async work(handler, { concurrency = 200 } = {}) {
      const mine = worker(async (job) => handler(job.data as Payload), concurrency)
      quiet(mine)
      workers.push(mine)
      await mine.waitUntilReady()
      return () => mine.close()
    },
    async counts() {
      const { completed = 0, ...rest } = await queue.getJobCounts('completed', 'waiting', 'active', 'delayed', 'failed')
      return { waiting: Object.values(rest).reduce((sum, n) => sum + n, 0), ended: completed }
    },
    async tell(payload) {
      const told = await listening()
      return (await queue.add('noop', payload)).waitUntilFinished(told)
    },
    async close() {
      await Promise.all(workers.map((one) => one.close()))
      await heard?.close()
      await queue.close()
      await hangUp()
    },
  }
  if (seed !== undefined) port.seed = seed
  return port
}
