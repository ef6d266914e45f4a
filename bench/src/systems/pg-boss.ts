import { PgBoss } from 'pg-boss'
import { ask, pgDurability } from './pg-facts.ts'
import type { Payload, Place, Queue } from './port.ts'
import { seedPostgres } from './seed.ts'

const name = 'bench'

/**
 * As its documentation tunes it: NOTIFY on, batches with `burstWhenBatchFull` (fetch at once while batches come back full), polling at the
 * shortest interval it takes. Completing a batch is one statement.
 */
export async function open({ postgres }: Place): Promise<Queue> {
  const boss = new PgBoss({ connectionString: postgres, useListenNotify: true, schedule: false })
  boss.on('error', () => {})
  boss.on('warning', () => {})
  await boss.start()
  if ((await boss.getQueue(name)) === null) await boss.createQueue(name, { notify: true })
  return {
    durability: () => pgDurability(postgres),
    enqueue: (payload) => boss.send(name, payload),
    bulk: (payloads) =>
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
      const sql = `SELECT count(*) FILTER (WHERE state = 'completed')::int AS ended, count(*) FILTER (WHERE state <> 'completed')::int AS waiting
        FROM pgboss.job WHERE name = $1`
      const [row] = await ask<{ ended: number; waiting: number }>(postgres, sql, [name])
      return row ?? { waiting: 0, ended: 0 }
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
