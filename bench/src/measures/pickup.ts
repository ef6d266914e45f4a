import { setTimeout as sleep } from 'node:timers/promises'
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

const many = 20

interface Part {
  ns: number[]
  ms: number[]
}

export const pickupManyWorkers: Measure = {
  name: 'pickup-many-workers',
  title: `Pickup latency, ${many} idle workers`,
  about: `The same with ${many} processes that wait for work.`,
  rounds: 3,
  short: false,
  figures: pickup.figures,
  entries: (systems) => withWorkers(systems.filter(({ name }) => name === 'uketsuke-pg' || name === 'uketsuke-redis')),
  async run({ spawn, settings }) {
    const workers = Array.from({ length: many }, () => spawn('worker'))
    for (const worker of workers) await worker.receive('ready')
    const durability = (await spawn('producer').result()) as string
    for (const worker of workers) worker.send('stop')
    const parts = (await Promise.all(workers.map((worker) => worker.result()))) as Part[]
    const ns = parts.flatMap((part) => part.ns)
    const expected = settings.samples + warmup
    exactlyOnce(expected, { runs: ns.length, distinct: new Set(ns).size, unfinished: 0, completed: null })
    const ms = parts.flatMap((part) => part.ms)
    return { durability, figures: { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) } }
  },
  roles: {
    async worker(context): Promise<Part> {
      const queue = await context.open()
      const part: Part = { ns: [], ms: [] }
      const stop = await queue.work(({ n, at }) => {
        if (n >= warmup) part.ms.push(now() - at)
        part.ns.push(n)
      })
      context.send('ready')
      await context.receive('stop')
      await stop()
      await queue.close()
      return part
    },
    async producer(context): Promise<string> {
      const queue = await context.open()
      await produce(queue, context)
      while ((await queue.counts()).unfinished > 0) await sleep(20)
      const durability = await queue.durability()
      await queue.close()
      return durability
    },
  },
}
