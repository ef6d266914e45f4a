import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'
import type { Payload, Place, Queue } from './port.ts'
import { seedSqlite } from './seed.ts'

export const full = (place: Place) => open(place, 'FULL')
export const normal = (place: Place) => open(place, 'NORMAL')

const silent = { error() {}, warn() {}, info() {}, debug() {} }

/** One job at a time, as its worker is made; it polls once a second, which is its default, when it found nothing. */
async function open({ folder }: Place, synchronous: 'FULL' | 'NORMAL'): Promise<Queue> {
  const file = join(folder, 'plainjob.db')
  const database = new Database(file)
  const queue = defineQueue({ connection: better(database), logger: silent })
  // It has set NORMAL, after which a power cut may lose what was accepted.
  database.pragma(`synchronous = ${synchronous}`)
  const workers: { stop(): Promise<void> }[] = []
  return {
    durability: async () =>
      `WAL, synchronous=${database.pragma('synchronous', { simple: true }) === 2 ? 'FULL' : 'NORMAL: a power cut may lose jobs'}`,
    enqueue: async (payload) => queue.add('noop', payload),
    bulk: async (payloads) => queue.addMany('noop', [...payloads]),
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
      const of = (status: JobStatus) => queue.countJobs({ status })
      return {
        waiting: of(JobStatus.Pending) + of(JobStatus.Processing) + of(JobStatus.Failed),
        ended: of(JobStatus.Done),
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
