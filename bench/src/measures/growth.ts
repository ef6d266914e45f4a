import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import type { Counts } from '../systems/port.ts'
import { Tally } from '../tally.ts'
import { type ChildContext, type Measure, type RunContext, withWorkers } from './port.ts'
import { enqueueConcurrently, fill, payload } from './workload.ts'

/** The jobs that are in the store before the measured time. */
interface Seed {
  finished: number
  waiting: number
  /** The waiting jobs are of a type that the worker does not run. */
  otherType?: boolean
}

interface Rates {
  enqueue: number
  drain: number
  durability: string
}

export const growth: Measure = {
  name: 'growth',
  title: 'Growth: 1,000,000 finished, 500,000 waiting, 500,000 of another type',
  about:
    'Enqueue (as above, for half of the time), then drain (the other half): on an empty store, on one with finished jobs, on one with a backlog, and (Uketsuke only) on one with a backlog of a type that the worker does not run. Each ratio divides the rate on a full store by the rate on the empty one. The seeded rows are copies of rows that the system wrote itself. graphile-worker and liteque keep no finished jobs.',
  rounds: 3,
  short: true,
  figures: [
    { key: 'enqueue', title: 'empty: enqueued/s', better: null, digits: 0 },
    { key: 'drain', title: 'empty: drained/s', better: null, digits: 0 },
    { key: 'enqueueFinished', title: 'finished: enqueue ratio', better: 'higher', digits: 2 },
    { key: 'drainFinished', title: 'finished: drain ratio', better: 'higher', digits: 2 },
    { key: 'enqueueWaiting', title: 'backlog: enqueue ratio', better: 'higher', digits: 2 },
    { key: 'drainWaiting', title: 'backlog: drain ratio', better: 'higher', digits: 2 },
    { key: 'enqueueOtherType', title: 'other type: enqueue ratio', better: 'higher', digits: 2 },
    { key: 'drainOtherType', title: 'other type: drain ratio', better: 'higher', digits: 2 },
  ],
  entries: (systems) => withWorkers(systems.filter(({ supports }) => supports.includes('seed'))),
  async run(context) {
    const { finished, backlog: waiting } = context.settings
    const { system } = context.entry
    const empty = await measureRates(context, { finished: 0, waiting: 0 })
    const withFinished = system?.supports.includes('keep-finished')
      ? await measureRates(context, { finished, waiting: 0 })
      : null
    const withBacklog = await measureRates(context, { finished: 0, waiting })
    const withOtherType = system?.ours ? await measureRates(context, { finished: 0, waiting, otherType: true }) : null
    const ratio = (rates: Rates | null, key: 'enqueue' | 'drain') => (rates ? rates[key] / empty[key] : Number.NaN)
    return {
      durability: empty.durability,
      figures: {
        enqueue: empty.enqueue,
        drain: empty.drain,
        enqueueFinished: ratio(withFinished, 'enqueue'),
        drainFinished: ratio(withFinished, 'drain'),
        enqueueWaiting: ratio(withBacklog, 'enqueue'),
        drainWaiting: ratio(withBacklog, 'drain'),
        enqueueOtherType: ratio(withOtherType, 'enqueue'),
        drainOtherType: ratio(withOtherType, 'drain'),
      },
    }
  },
  roles: { seeder, worker },
}

async function measureRates({ spawn, newResources }: RunContext, seed: Seed): Promise<Rates> {
  const resources = await newResources()
  await spawn('seeder', seed, resources).result()
  return (await spawn('worker', seed, resources).result()) as Rates
}

async function seeder({ open, input }: ChildContext): Promise<void> {
  const { finished, waiting, otherType } = input as Seed
  const queue = await open()
  if (finished > 0) {
    const tally = new Tally()
    await queue.enqueue(payload(0))
    const stop = await queue.work((job) => tally.mark(job))
    await tally.reaches(1)
    while ((await queue.counts()).unfinished > 0) await sleep(5)
    await stop()
  }
  if (waiting > 0) await queue.enqueue(payload(1))
  await queue.seed?.(finished, waiting, otherType)
  await queue.close()
}

async function worker({ settings, open, input }: ChildContext): Promise<Rates> {
  const { finished, waiting, otherType } = input as Seed
  const queue = await open()
  const before = await queue.counts()
  if (before.unfinished < waiting || (before.completed !== null && before.completed < finished)) {
    throw new Error(
      `Expected ${finished} finished and ${waiting} waiting jobs, found ${before.completed} and ${before.unfinished}`,
    )
  }
  // Enough jobs for systems that drain faster than they enqueue.
  const from = settings.jobs
  await fill(queue, from)
  const seconds = settings.seconds / 2
  let startedAt = now()
  const next = await enqueueConcurrently(queue, { concurrency: settings.concurrency, seconds, max: 1_000_000 }, from)
  const enqueue = (1_000 * (next - from)) / (now() - startedAt)

  const tally = new Tally()
  const stop = await queue.work((job) => tally.mark(job))
  // Measured from the first run, since the start of a worker costs the same regardless of the store's content.
  await tally.reaches(1)
  startedAt = now()
  const runnable = next + (otherType ? 1 : before.unfinished)
  await Promise.race([tally.reaches(runnable), sleep(seconds * 1_000)])
  const drain = (1_000 * tally.runs) / (now() - startedAt)
  await stop()
  checkCounts(tally, before, next, await queue.counts())
  const durability = await queue.durability()
  await queue.close()
  return { enqueue, drain, durability }
}

function checkCounts({ runs, distinct }: Tally, before: Counts, enqueued: number, after: Counts): void {
  // Number 1 is used twice: by the row that `seed` copies and by this run.
  if (runs - distinct > 1) throw new Error(`duplicate runs: ${runs - distinct}`)
  const expected = before.unfinished + enqueued - runs
  if (after.unfinished !== expected) throw new Error(`Expected ${expected} unfinished jobs, found ${after.unfinished}`)
  const completed = before.completed === null || after.completed === null ? runs : after.completed - before.completed
  if (completed !== runs) throw new Error(`${runs} jobs ran, but ${completed} completed`)
}
