import { now } from '../clock.ts'
import type { Queue } from '../systems/port.ts'
import { exactlyOnce, type RunCounts, runCounts, Tally } from '../tally.ts'
import { type ChildContext, type Measure, type RunContext, withWorkers } from './port.ts'
import { allFinished, enqueueConcurrently, payload } from './workload.ts'

interface Produced {
  jobs: number
  startedAt: number
}

interface Worked {
  counts: RunCounts
  finishedAt: number
  durability: string
}

const warmup = 200

async function produce(queue: Queue, { settings }: ChildContext): Promise<Produced> {
  for (let n = 0; n < warmup; n += 20) {
    await queue.enqueueMany(Array.from({ length: 20 }, (_, i) => payload(n + i)))
  }
  const startedAt = now()
  const { concurrency, seconds } = settings
  return { jobs: await enqueueConcurrently(queue, { concurrency, seconds, max: 1_000_000 }, warmup), startedAt }
}

async function finish(queue: Queue, tally: Tally, stop: () => Promise<void>, jobs: number): Promise<Worked> {
  const finishedAt = await allFinished(queue, tally, jobs)
  const durability = await queue.durability()
  await stop()
  return { counts: runCounts(tally, await queue.counts()), finishedAt, durability }
}

const roles: Measure['roles'] = {
  async both(context) {
    const queue = await context.open()
    const tally = new Tally()
    const stop = await queue.work((job) => tally.mark(job))
    const produced = await produce(queue, context)
    const worked = await finish(queue, tally, stop, produced.jobs)
    await queue.close()
    return { ...produced, ...worked }
  },
  async producer(context) {
    const queue = await context.open()
    const produced = await produce(queue, context)
    await queue.close()
    return produced
  },
  async worker(context) {
    const queue = await context.open()
    const tally = new Tally()
    const stop = await queue.work((job) => tally.mark(job))
    context.send('ready')
    const worked = await finish(queue, tally, stop, (await context.receive('jobs')) as number)
    await queue.close()
    return worked
  },
}

function steadyMeasure(
  description: Pick<Measure, 'name' | 'title' | 'about'>,
  runRoles: (context: RunContext) => Promise<Produced & Worked>,
): Measure {
  return {
    ...description,
    rounds: 5,
    short: true,
    figures: [{ key: 'rate', title: 'jobs/s', better: 'higher', digits: 0 }],
    entries: withWorkers,
    roles,
    async run(context) {
      const { jobs, startedAt, finishedAt, durability, counts } = await runRoles(context)
      exactlyOnce(jobs, counts)
      return { durability, figures: { rate: (1_000 * (jobs - warmup)) / (finishedAt - startedAt) } }
    },
  }
}

export const steady = steadyMeasure(
  {
    name: 'steady',
    title: 'Steady state, one process',
    about:
      'One process runs jobs and keeps 200 enqueue calls in flight for the duration of the run. The rate covers all of its jobs, from the first enqueue until the last job is stored as finished, so a backlog lowers it.',
  },
  async ({ spawn }) => (await spawn('both').result()) as Produced & Worked,
)

export const steadyTwoProcesses = steadyMeasure(
  {
    name: 'steady-two-processes',
    title: 'Steady state, two processes',
    about: 'The same with the producer and the worker in separate processes.',
  },
  async ({ spawn }) => {
    const worker = spawn('worker')
    await worker.receive('ready')
    const produced = (await spawn('producer').result()) as Produced
    worker.send('jobs', produced.jobs)
    return { ...produced, ...((await worker.result()) as Worked) }
  },
)
