import { now, percentile } from '../clock.ts'
import type { Queue } from '../systems/port.ts'
import { exactlyOnce, type RunCounts, runCounts, Tally } from '../tally.ts'
import { type ChildContext, type Measure, type RunContext, withWorkers } from './port.ts'
import { allFinished, every50ms, payload } from './workload.ts'

interface PickedUp {
  counts: RunCounts
  ms: number[]
  durability: string
}

/** Jobs that are not measured, since connections and code are still cold. */
const warmup = 10

async function work(queue: Queue, { settings }: ChildContext, enqueue: () => Promise<unknown>): Promise<PickedUp> {
  const tally = new Tally()
  const ms: number[] = []
  const stop = await queue.work((job) => {
    const latency = now() - job.at
    if (job.n >= warmup) ms.push(latency)
    tally.mark(job)
  })
  await enqueue()
  await allFinished(queue, tally, settings.samples + warmup)
  const durability = await queue.durability()
  await stop()
  const counts = runCounts(tally, await queue.counts())
  await queue.close()
  return { counts, ms, durability }
}

const produce = (queue: Queue, { settings }: ChildContext) =>
  every50ms(settings.samples + warmup, (n) => queue.enqueue(payload(n)))

function pickupMeasure(
  description: Pick<Measure, 'name' | 'title' | 'about'>,
  runRoles: (context: RunContext) => Promise<PickedUp>,
): Measure {
  return {
    ...description,
    rounds: 3,
    short: true,
    figures: [
      { key: 'p50', title: 'p50, ms', better: 'lower', digits: 2 },
      { key: 'p99', title: 'p99, ms', better: 'lower', digits: 2 },
    ],
    entries: withWorkers,
    async run(context) {
      const { counts, ms, durability } = await runRoles(context)
      exactlyOnce(context.settings.samples + warmup, counts)
      return { durability, figures: { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) } }
    },
    roles: {
      async worker(context) {
        const queue = await context.open()
        return work(queue, context, async () => context.send('ready'))
      },
      async producer(context) {
        const queue = await context.open()
        await produce(queue, context)
        await queue.close()
      },
      async both(context) {
        const queue = await context.open()
        return work(queue, context, () => produce(queue, context))
      },
    },
  }
}

export const pickup = pickupMeasure(
  {
    name: 'pickup',
    title: 'Pickup latency, another process',
    about:
      'One process enqueues a job every 50 ms; another one waits for work. Time from the enqueue call until the handler runs, commit included.',
  },
  async ({ spawn }) => {
    const worker = spawn('worker')
    await worker.receive('ready')
    await spawn('producer').result()
    return (await worker.result()) as PickedUp
  },
)

export const pickupSameProcess = pickupMeasure(
  {
    name: 'pickup-same-process',
    title: 'Pickup latency, same process',
    about: 'The same with the producer and the worker in one process.',
  },
  async ({ spawn }) => (await spawn('both').result()) as PickedUp,
)
