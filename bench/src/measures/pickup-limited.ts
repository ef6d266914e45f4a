import { now, percentile } from '../clock.ts'
import { exactlyOnce, Tally } from '../tally.ts'
import { each, type Measure, type RunContext } from './port.ts'
import { every50ms, payload } from './workload.ts'

interface Latencies {
  runs: number
  distinct: number
  ms: number[]
  durability: string
}

/** Jobs that are not measured, since connections and code are still cold. */
const warmup = 10

export const pickupLimited: Measure = {
  name: 'pickup-limited',
  title: 'Pickup latency beside 100,000 jobs at their limit',
  about:
    'One process enqueues a job every 50 ms and works, on an empty store, and on one with 100,000 jobs of a type whose limit of one running job is reached. The ratios divide the latency beside them by that on the empty store.',
  rounds: 3,
  short: false,
  onlyByName: true,
  figures: [
    { key: 'p50', title: 'empty: p50, ms', better: null, digits: 2 },
    { key: 'p99', title: 'empty: p99, ms', better: null, digits: 2 },
    { key: 'p50Limited', title: 'p50 ratio', better: 'lower', digits: 2 },
    { key: 'p99Limited', title: 'p99 ratio', better: 'lower', digits: 2 },
  ],
  entries: (systems) => each(systems.filter(({ ours }) => ours)),
  async run(context) {
    const empty = await latencies(context, 0)
    const limited = await latencies(context, 100_000)
    const [p50, p99] = [percentile(empty.ms, 0.5), percentile(empty.ms, 0.99)]
    return {
      durability: empty.durability,
      figures: {
        ...{ p50, p99 },
        p50Limited: percentile(limited.ms, 0.5) / p50,
        p99Limited: percentile(limited.ms, 0.99) / p99,
      },
    }
  },
  roles: {
    async both({ open, settings, input }): Promise<Latencies> {
      const queue = await open()
      const tally = new Tally()
      const ms: number[] = []
      if (Number(input) > 0) await queue.limited?.(Number(input))
      const stop = await queue.work((job) => {
        if (job.n >= warmup) ms.push(now() - job.at)
        tally.mark(job)
      })
      const expected = settings.samples + warmup
      await every50ms(expected, (n) => queue.enqueue(payload(n)))
      await tally.reaches(expected)
      const durability = await queue.durability()
      await stop()
      await queue.close()
      const { runs, distinct } = tally
      return { runs, distinct, ms, durability }
    },
  },
}

async function latencies({ spawn, newResources, settings }: RunContext, limited: number): Promise<Latencies> {
  const found = (await spawn('both', limited, await newResources()).result()) as Latencies
  // The jobs at their limit do not end, and are not counted.
  exactlyOnce(settings.samples + warmup, { ...found, unfinished: 0, completed: null })
  return found
}
