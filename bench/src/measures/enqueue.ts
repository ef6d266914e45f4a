import { now } from '../clock.ts'
import type { Settings } from '../settings.ts'
import type { Queue } from '../systems/port.ts'
import { flood, payload } from './flood.ts'
import { each, type Measure, type Scene } from './port.ts'

interface Enqueued {
  jobs: number
  stored: number
  ms: number
  cpu: number
  durability: string
}

/** One process that only enqueues, by `way`. */
function enqueueing(
  about: Pick<Measure, 'name' | 'title' | 'about'>,
  way: (queue: Queue, settings: Settings, from: number) => Promise<number>,
): Measure {
  return {
    ...about,
    rounds: 5,
    short: true,
    figures: [
      { key: 'rate', title: 'jobs/s', better: 'more', digits: 0 },
      { key: 'cpu', title: 'CPU s per 10k, process', better: null, digits: 2 },
      { key: 'serverCpu', title: 'CPU s per 10k, servers', better: null, digits: 2 },
    ],
    entries: each,
    async run(stage) {
      const before = stage.serverCpu()
      const { jobs, stored, ms, cpu, durability } = (await stage.play('producer').done()) as Enqueued
      if (stored !== jobs) throw new Error(`${jobs} jobs were accepted and ${stored} are stored`)
      const per = 10_000 / jobs
      const serverCpu = (stage.serverCpu() - before) * per
      return { durability, figures: { rate: (1_000 * jobs) / ms, cpu: cpu * per, serverCpu } }
    },
    roles: {
      async producer({ settings, open }: Scene): Promise<Enqueued> {
        const queue = await open()
        // Connections, statements and compiled code are there before the clock starts.
        const warm = await way(queue, { ...settings, seconds: settings.seconds / 5 }, 0)
        const cpu = process.cpuUsage()
        const began = now()
        const until = await way(queue, settings, warm)
        const ms = now() - began
        const used = process.cpuUsage(cpu)
        const { waiting } = await queue.counts()
        const durability = await queue.durability()
        await queue.close()
        return { jobs: until - warm, stored: waiting - warm, ms, cpu: (used.user + used.system) / 1e6, durability }
      },
    },
  }
}

export const enqueue = enqueueing(
  {
    name: 'enqueue',
    title: 'Enqueue, 200 at once',
    about: 'One process keeps 200 single enqueues in flight, each awaited until the system says it is accepted.',
  },
  (queue, { concurrency, seconds }, from) => flood(queue, { once: concurrency, seconds, most: 1_000_000 }, from),
)

export const bulk = enqueueing(
  {
    name: 'bulk',
    title: 'Enqueue, 1,000 in one call',
    about:
      'One call of 1,000 jobs after the other, by the call that the system has for many; a system without one gets 1,000 concurrent calls. The rows differ: plainjob’s has 8 columns and one index, ours 28 and six.',
  },
  async (queue, { seconds }, from) => {
    const until = now() + seconds * 1_000
    let next = from
    while (now() < until && next < 1_000_000) {
      await queue.bulk(Array.from({ length: 1_000 }, () => payload(next++)))
    }
    return next
  },
)
