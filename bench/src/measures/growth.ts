import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import type { Counts } from '../systems/port.ts'
import { Tally } from '../tally.ts'
import { fill, flood, payload } from './flood.ts'
import { type Measure, type Scene, type Stage, working } from './port.ts'

/** How many jobs lie there already. */
interface Lies {
  finished: number
  waiting: number
  /** What waits is of a type that no worker here runs. */
  foreign?: boolean
}

interface Rates {
  enqueued: number
  drained: number
  durability: string
}

/** What one run enqueues or finds besides: ours and the seeds must not share a number. */
const own = (scene: Pick<Scene, 'settings' | 'entry'>) => scene.settings.jobs * scene.entry.size

export const growth: Measure = {
  name: 'growth',
  title: 'Growth: 1,000,000 finished, 500,000 waiting, 500,000 of another type',
  about:
    'Enqueue (as above, half of the time) and then drain (the other half) on an empty store, on one with finished jobs, on one with a backlog, and on one with a backlog of a type that the worker does not run (only ours); the rates on a full one over those on the empty one. The rows are copies of rows that the system wrote itself. graphile-worker and liteque keep no finished jobs.',
  rounds: 3,
  short: true,
  figures: [
    { key: 'enqueue', title: 'empty: enqueued/s', better: null, digits: 0 },
    { key: 'drain', title: 'empty: drained/s', better: null, digits: 0 },
    { key: 'enqueueFinished', title: 'finished: enqueue kept', better: 'more', digits: 2 },
    { key: 'drainFinished', title: 'finished: drain kept', better: 'more', digits: 2 },
    { key: 'enqueueWaiting', title: 'backlog: enqueue kept', better: 'more', digits: 2 },
    { key: 'drainWaiting', title: 'backlog: drain kept', better: 'more', digits: 2 },
    { key: 'enqueueForeign', title: 'other type: enqueue kept', better: 'more', digits: 2 },
    { key: 'drainForeign', title: 'other type: drain kept', better: 'more', digits: 2 },
  ],
  entries: (systems) => working(systems.filter(({ can }) => can.includes('seed'))),
  async run(stage) {
    const { finished, backlog: waiting } = stage.settings
    const empty = await rates(stage, { finished: 0, waiting: 0 })
    const keeps = stage.entry.system?.can.includes('finish')
    const aged = keeps ? await rates(stage, { finished, waiting: 0 }) : null
    const full = await rates(stage, { finished: 0, waiting })
    const ours = stage.entry.system?.ours
    const foreign = ours ? await rates(stage, { finished: 0, waiting, foreign: true }) : null
    return {
      durability: empty.durability,
      figures: {
        enqueue: empty.enqueued,
        drain: empty.drained,
        enqueueFinished: aged === null ? Number.NaN : aged.enqueued / empty.enqueued,
        drainFinished: aged === null ? Number.NaN : aged.drained / empty.drained,
        enqueueWaiting: full.enqueued / empty.enqueued,
        drainWaiting: full.drained / empty.drained,
        enqueueForeign: foreign === null ? Number.NaN : foreign.enqueued / empty.enqueued,
        drainForeign: foreign === null ? Number.NaN : foreign.drained / empty.drained,
      },
    }
  },
  roles: { filler, worker },
}

async function rates(stage: Stage, lies: Lies): Promise<Rates> {
  const place = await stage.fresh()
  await stage.play('filler', lies, place).done()
  return (await stage.play('worker', lies, place).done()) as Rates
}

async function filler(scene: Scene): Promise<void> {
  const { finished, waiting, foreign } = scene.given as Lies
  const queue = await scene.open()
  if (finished > 0) {
    const tally = new Tally()
    await queue.enqueue(payload(0))
    const stop = await queue.work((job) => tally.mark(job))
    await tally.reaches(1)
    while ((await queue.counts()).waiting > 0) await sleep(5)
    await stop()
  }
  if (waiting > 0) await queue.enqueue(payload(1))
  await queue.seed?.(finished, waiting, foreign)
  await queue.close()
}

async function worker(scene: Scene): Promise<Rates> {
  const { settings, given } = scene
  const { finished, waiting, foreign } = given as Lies
  const queue = await scene.open()
  const before = await queue.counts()
  if (before.waiting < waiting || (before.ended !== null && before.ended < finished)) {
    throw new Error(`The store was to hold ${finished} and ${waiting}; it holds ${before.ended} and ${before.waiting}`)
  }
  // So that those who drain faster than they enqueue have enough to drain.
  await fill(queue, own(scene))
  const seconds = settings.seconds / 2
  const from = own(scene)
  let began = now()
  const until = await flood(queue, { once: settings.concurrency, seconds, most: 1_000_000 }, from)
  const enqueued = (1_000 * (until - from)) / (now() - began)

  const tally = new Tally()
  const stop = await queue.work((job) => tally.mark(job))
  // From the first run on: starting a worker costs what it costs, whatever lies in the store.
  await tally.reaches(1)
  began = now()
  const runnable = until + (foreign ? 1 : before.waiting)
  await Promise.race([tally.reaches(runnable), sleep(seconds * 1_000)])
  const drained = (1_000 * tally.runs) / (now() - began)
  await stop()
  check(tally, before, until, await queue.counts())
  const durability = await queue.durability()
  await queue.close()
  return { enqueued, drained, durability }
}

function check({ runs, distinct }: Tally, before: Counts, enqueued: number, after: Counts): void {
  // Number 1 is both the waiting template and one of the run's own.
  if (runs - distinct > 1) throw new Error(`${runs - distinct} runs too many`)
  const left = before.waiting + enqueued - runs
  if (after.waiting !== left) throw new Error(`${left} should wait still, and ${after.waiting} do`)
  const ended = before.ended === null || after.ended === null ? runs : after.ended - before.ended
  if (ended !== runs) throw new Error(`${runs} jobs ran and ${ended} ended`)
}
