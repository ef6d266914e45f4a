import type { Runnable } from '../definition/define.ts'
import { UketsukeError } from '../domain/errors.ts'
import { day, integerOption } from '../domain/numbers.ts'
import type { WorkerParts, WorkerQueue } from './parts.ts'
import { Worker } from './worker.ts'

export interface WorkOptions {
  /** The number of jobs that run at the same time, from 1 to 100,000. Webhooks have 100 slots of their own. Default: 10. */
  concurrency?: number
  /** Signals on which this worker stops gracefully, such as `SIGTERM`. Default: none. */
  stopOn?: readonly NodeJS.Signals[]
  /** How long `stop` lets jobs run on, in milliseconds, up to one day. Default: 25,000. */
  drain?: number
}

/** A worker that runs in this process. */
export interface WorkerHandle {
  /** Unique to this worker: host name, process id and a random part. */
  readonly id: string
  /** Claims nothing more, lets jobs run on for up to `drain` milliseconds, then gives the rest back without costing an attempt. Idempotent. */
  stop(): Promise<void>
}

type Types = ReadonlyMap<string, Runnable>

/** Webhook deliveries wait for receivers, not for this machine. */
const deliveriesAtOnce = 100
/** They end one by one, and each claim costs the database about the same, however many it finds. Milliseconds. */
const deliveriesGather = 20

/** The workers of one process. */
export function createWorkers(
  parts: WorkerParts,
  ready: () => Promise<void>,
  types: { jobs: Types; deliveries: Types },
) {
  const workers = new Set<{ stop(): Promise<void> }>()
  let closed = false
  const open = () => {
    if (closed) throw new UketsukeError('closed', 'work() was called after close(): make new jobs with createJobs().')
  }
  return {
    async work({ stopOn = [], ...numbers }: WorkOptions = {}): Promise<WorkerHandle> {
      const concurrency = integerOption('work(): concurrency', numbers.concurrency, 10, { min: 1, max: 100_000 })
      const drain = integerOption('work(): drain', numbers.drain, 25_000, { min: 0, max: day, of: 'milliseconds' })
      open()
      await ready()
      open()
      const lanes: WorkerQueue[] = [
        { queue: 'jobs', types: types.jobs, concurrency },
        { queue: 'deliveries', types: types.deliveries, concurrency: deliveriesAtOnce, gatherMs: deliveriesGather },
      ]
      const worker = new Worker(
        parts,
        lanes.filter((lane) => lane.types.size > 0),
      )
      parts.log.info({ worker: worker.id, concurrency }, 'worker started')
      const onSignal = () => void stop()
      const stop = async () => {
        await worker.stop({ drain })
        for (const signal of stopOn) process.off(signal, onSignal)
        workers.delete(handle)
      }
      const handle = { id: worker.id, stop }
      workers.add(handle)
      for (const signal of stopOn) process.once(signal, onSignal)
      return handle
    },
    /** The job types that run in this process. */
    worked: (): ReadonlySet<string> => new Set(workers.size > 0 ? types.jobs.keys() : []),
    /** Stops all workers. Later calls of `work` are refused. */
    async close(): Promise<void> {
      closed = true
      await Promise.all([...workers].map((worker) => worker.stop()))
    },
  }
}
