import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { ask, pgDurability } from './pg-facts.ts'
import type { Handler, Payload, Place, Queue } from './port.ts'

/** As "Performance" of its documentation tunes it: a local queue, batched completion, more connections. Ended jobs are deleted. */
export async function open({ postgres, folder }: Place): Promise<Queue> {
  const logger = new Logger(() => () => {})
  const utils = await makeWorkerUtils({ connectionString: postgres, logger })
  await utils.migrate()
  const jobs = 'graphile_worker._private_jobs'
  return {
    durability: () => pgDurability(postgres),
    enqueue: (payload) => utils.addJob('noop', payload),
    bulk: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: 'noop', payload }))),
    async work(handler: Handler, { concurrency = 24 } = {}) {
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
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
      })
      return () => runner.stop()
    },
    async counts() {
      const [row] = await ask<{ waiting: number }>(postgres, `SELECT count(*)::int AS waiting FROM ${jobs}`)
      return { waiting: row?.waiting ?? 0, ended: null }
    },
    async seed(_, waiting) {
      await ask(
        postgres,
        `SELECT count(graphile_worker.add_job('noop', json_build_object('n', -n, 'at', 0, 'pad', repeat('x', 100))))
         FROM generate_series(1, $1::int) AS n`,
        [waiting],
      )
      await ask(postgres, `VACUUM ANALYZE ${jobs}`)
    },
    close: async () => void (await utils.release()),
  }
}
