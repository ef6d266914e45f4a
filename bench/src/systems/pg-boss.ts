import { PgBoss } from 'pg-boss'
import { pgDurability, query } from './pg-query.ts'
import type { Payload, Queue, Resources } from './port.ts'
import { seedPostgres } from './seed.ts'

const name = 'bench'

/**
 * Tuned as its documentation recommends: NOTIFY, batches with `burstWhenBatchFull` (fetch again at once while batches are full), and the
 * shortest polling interval. It completes a batch in one statement.
 */
export async function open({ postgres }: Resources): Promise<Queue> {
  const boss = new PgBoss({ connectionString: postgres, useListenNotify: true, schedule: false })
  boss.on('error', () => {})
  boss.on('warning', () => {})
  await boss.start()
  if ((await boss.getQueue(name)) === null) await boss.createQueue(name, { notify: true })
  return {
    durability: () => pgDurability(postgres),
    enqueue: (payload) => boss.send(name, payload),
    enqueueMany: (payloads) =>
      boss.insert(
        name,
        payloads.map((data) => ({ data })),
      ),
    async work(handler, { concurrency = 500 } = {}) {
      const options = {
        batchSize: concurrency,
        localConcurrency: 2,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: 0.5,
        notifyPollingIntervalSeconds: 0.5,
      }
      await boss.work<Payload>(name, options, async (batch) => {
        await Promise.all(batch.map(({ data }) => handler(data)))
      })
      return () => boss.offWork(name, { wait: true })
    },
    async counts() {
      const sql = `SELECT count(*) FILTER (WHERE state = 'completed')::int AS completed, count(*) FILTER (WHERE state <> 'completed')::int AS unfinished
        FROM pgboss.job WHERE name = $1`
      const [row] = await query<{ completed: number; unfinished: number }>(postgres, sql, [name])
      return row ?? { unfinished: 0, completed: 0 }
    },
    seed: (finished, waiting) =>
      seedPostgres(postgres, finished, waiting, {
        table: 'pgboss.job',
        id: 'id',
        payload: 'data',
        sqlId: () => 'gen_random_uuid()',
      }),
    close: () => boss.stop({ graceful: true, timeout: 10_000 }),
  }
}
