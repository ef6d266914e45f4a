import { join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { buildDBClient, Runner, SqliteQueue } from 'liteque'
import type { Payload, Queue, Resources } from './port.ts'

/** Polls every 100 ms when idle, a tenth of the interval in its README. It deletes finished jobs. */
export async function open({ folder }: Resources): Promise<Queue> {
  const db = buildDBClient(join(folder, 'liteque.db'), { runMigrations: true })
  // The connection is inside its Drizzle client. It sets NORMAL, with which a power failure can lose accepted jobs.
  const { client } = (db as unknown as { session: { client: Database } }).session
  client.pragma('synchronous = FULL')
  client.pragma('busy_timeout = 5000')
  const queue = new SqliteQueue<Payload>('noop', db, { defaultJobArgs: { numRetries: 2 }, keepFailedJobs: true })
  return {
    durability: async () =>
      `WAL, synchronous=${client.pragma('synchronous', { simple: true }) === 2 ? 'FULL' : 'NORMAL'}`,
    enqueue: (payload) => queue.enqueue(payload),
    enqueueMany: (payloads) => Promise.all(payloads.map((payload) => queue.enqueue(payload))),
    async work(handler, { concurrency = 10 } = {}) {
      const runner = new Runner<Payload>(
        queue,
        { run: async ({ data }) => void (await handler(data)) },
        { concurrency, pollIntervalMs: 100, timeoutSecs: 60 },
      )
      const running = runner.run()
      return async () => {
        runner.stop()
        await running
      }
    },
    async counts() {
      const { pending, pending_retry, running, failed } = await queue.stats()
      return { unfinished: pending + pending_retry + running + failed || 0, completed: null }
    },
    close: async () => void client.close(),
  }
}
