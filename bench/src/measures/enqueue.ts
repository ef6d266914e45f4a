import { now } from '../clock.ts'
import type { Settings } from '../settings.ts'
import type { Queue } from '../systems/port.ts'
import { type ChildContext, each, type Measure } from './port.ts'
import { enqueueConcurrently, payload } from './workload.ts'

interface Enqueued {
  jobs: number
  stored: number
  ms: number
  cpu: number
  durability: string
}

/** One process that only enqueues. `produce` takes the number of the first job and returns that of the next. */
function enqueueMeasure(
  description: Pick<Measure, 'name' | 'title' | 'about'>,
  produce: (queue: Queue, settings: Settings, from: number) => Promise<number>,
): Measure {
  return {
    ...description,
    rounds: 5,
    short: true,
    figures: [
      { key: 'rate', title: 'jobs/s', better: 'higher', digits: 0 },
      { key: 'cpu', title: 'CPU s per 10k, process', better: null, digits: 2 },
      { key: 'serverCpu', title: 'CPU s per 10k, servers', better: null, digits: 2 },
    ],
    entries: each,
    async run({ spawn, serverCpu }) {
      const cpuBefore = serverCpu()
      const { jobs, stored, ms, cpu, durability } = (await spawn('producer').result()) as Enqueued
      if (stored !== jobs) throw new Error(`${jobs} jobs were accepted, but ${stored} are stored`)
      const per10k = 10_000 / jobs
      const figures = {
        rate: (1_000 * jobs) / ms,
        cpu: cpu * per10k,
        serverCpu: (serverCpu() - cpuBefore) * per10k,
      }
      return { durability, figures }
    },
    roles: {
      async producer({ settings, open }: ChildContext): Promise<Enqueued> {
        const queue = await open()
        // Warm-up: opens connections, prepares statements and compiles the code before the measured time.
        const warmup = await produce(queue, { ...settings, seconds: settings.seconds / 5 }, 0)
        const cpuBefore = process.cpuUsage()
        const startedAt = now()
        const next = await produce(queue, settings, warmup)
        const ms = now() - startedAt
        const { user, system } = process.cpuUsage(cpuBefore)
        const { unfinished } = await queue.counts()
        const durability = await queue.durability()
        await queue.close()
        return { jobs: next - warmup, stored: unfinished - warmup, ms, cpu: (user + system) / 1e6, durability }
      },
    },
  }
}

export const enqueue = enqueueMeasure(
  {
    name: 'enqueue',
    title: 'Enqueue, 200 concurrent calls',
    about:
      'One process keeps 200 single enqueue calls in flight. Each call is awaited until the system has accepted the job.',
  },
  (queue, { concurrency, seconds }, from) => enqueueConcurrently(queue, { concurrency, seconds, max: 1_000_000 }, from),
)

export const bulk = enqueueMeasure(
  {
    name: 'bulk',
    title: 'Enqueue, 1,000 jobs per call',
    about:
      'Consecutive calls of 1,000 jobs each, with the system’s own bulk call; a system without one gets 1,000 concurrent calls. The rows differ: plainjob’s have 8 columns and one index, ours 34 and four.',
  },
  async (queue, { seconds }, from) => {
    const until = now() + seconds * 1_000
    let next = from
    while (now() < until && next < 1_000_000) {
      await queue.enqueueMany(Array.from({ length: 1_000 }, () => payload(next++)))
    }
    return next
  },
)
