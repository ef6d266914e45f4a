import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { pgDurability, query } from './pg-query.ts'
import type { Handler, Payload, Queue, Resources } from './port.ts'

/** Tuned as "Performance" in its documentation recommends: a local queue, batched completion, more connections. It deletes finished jobs. */
export async function open({ postgres, folder }: Resources): Promise<Queue> {
  const logger = new Logger(() => () => {})
  const utils = await makeWorkerUtils({ connectionString: postgres, logger })
  await utils.migrate()
  const jobs = 'graphile_worker._private_jobs'
  return {
    durability: () => pgDurability(postgres),
    enqueue: (payload) => utils.addJob('noop', payload),
    enqueueMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: 'noop', payload }))),
    async work(handler: Handler, { concurrency = 100 } = {}) {
      const runner = await run({
        connectionString: postgres,
        logger,
        noHandleSignals: true,
        crontab: '',
        taskList: { noop: async (payload) => void (await handler(payload as Payload)) },
        preset: {
          worker: {
            taskDirectory: folder,
            concurrentJobs: concurrency,
            maxPoolSize: 10,
            localQueue: { size: 1_000 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      })
      return () => runner.stop()
    },
    async counts() {
      const [row] = await query<{ unfinished: number }>(postgres, `SELECT count(*)::int AS unfinished FROM ${jobs}`)
      return { unfinished: row?.unfinished ?? 0, completed: null }
    },
    async seed(_, waiting) {
      await query(
        postgres,
        `SELECT count(graphile_worker.add_job('noop', json_build_object('n', -n, 'at', 0, 'pad', repeat('x', 100))))
         FROM generate_series(1, $1::int) AS n`,
        [waiting],
      )
      await query(postgres, `VACUUM ANALYZE ${jobs}`)
    },
    close: async () => void (await utils.release()),
  }
}
