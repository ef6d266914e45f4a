import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'
import type { Payload, Queue, Resources } from './port.ts'
import { seedSqlite } from './seed.ts'

export const full = (resources: Resources) => open(resources, 'FULL')
export const normal = (resources: Resources) => open(resources, 'NORMAL')

const silent = { error() {}, warn() {}, info() {}, debug() {} }

/** Its worker runs one job at a time and polls once per second when idle, which is its default. */
async function open({ folder }: Resources, synchronous: 'FULL' | 'NORMAL'): Promise<Queue> {
  const file = join(folder, 'plainjob.db')
  const database = new Database(file)
  const queue = defineQueue({ connection: better(database), logger: silent })
  // It sets NORMAL, with which a power failure can lose accepted jobs.
  database.pragma(`synchronous = ${synchronous}`)
  const workers: { stop(): Promise<void> }[] = []
  return {
    durability: async () =>
      `WAL, synchronous=${database.pragma('synchronous', { simple: true }) === 2 ? 'FULL' : 'NORMAL: a power failure can lose jobs'}`,
    enqueue: async (payload) => queue.add('noop', payload),
    enqueueMany: async (payloads) => queue.addMany('noop', [...payloads]),
    async work(handler) {
      const worker = defineWorker('noop', async ({ data }) => void (await handler(JSON.parse(data) as Payload)), {
        queue,
        logger: silent,
      })
      workers.push(worker)
      const running = worker.start()
      return async () => {
        await worker.stop()
        await running
      }
    },
    async counts() {
      const count = (status: JobStatus) => queue.countJobs({ status })
      return {
        unfinished: count(JobStatus.Pending) + count(JobStatus.Processing) + count(JobStatus.Failed),
        completed: count(JobStatus.Done),
      }
    },
    seed: (finished, waiting) =>
      seedSqlite(file, finished, waiting, {
        table: 'plainjob_jobs',
        id: 'id',
        payload: 'data',
        sqlId: (n) => `1000 + ${n}`,
      }),
    async close() {
      queue.close()
      database.close()
    },
  }
}
