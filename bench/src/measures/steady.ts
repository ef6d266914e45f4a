import { now } from '../clock.ts'
import type { Queue } from '../systems/port.ts'
import { exactlyOnce, type Ran, ran, Tally } from '../tally.ts'
import { allEnded, flood, payload } from './flood.ts'
import { type Measure, type Scene, working } from './port.ts'

interface Produced {
  jobs: number
  began: number
}

interface Worked {
  ran: Ran
  ended: number
  durability: string
}

const warm = 200

async function produce(queue: Queue, { settings }: Scene): Promise<Produced> {
  for (let n = 0; n < warm; n += 20) await queue.bulk(Array.from({ length: 20 }, (_, i) => payload(n + i)))
  const began = now()
  const { concurrency: once, seconds } = settings
  return { jobs: await flood(queue, { once, seconds, most: 1_000_000 }, warm), began }
}

async function finish(queue: Queue, tally: Tally, stop: () => Promise<void>, jobs: number): Promise<Worked> {
  const ended = await allEnded(queue, tally, jobs)
  const durability = await queue.durability()
  await stop()
  const counts = await queue.counts()
  return { ran: ran(tally, counts), ended, durability }
}

const roles: Measure['roles'] = {
  async both(scene) {
    const queue = await scene.open()
    const tally = new Tally()
    const stop = await queue.work((job) => tally.mark(job))
    const produced = await produce(queue, scene)
    const worked = await finish(queue, tally, stop, produced.jobs)
    await queue.close()
    return { ...produced, ...worked }
  },
  async producer(scene) {
    const queue = await scene.open()
    const produced = await produce(queue, scene)
    await queue.close()
    return produced
  },
  async worker(scene) {
    const queue = await scene.open()
    const tally = new Tally()
    const stop = await queue.work((job) => tally.mark(job))
    scene.say('ready')
    const worked = await finish(queue, tally, stop, (await scene.heard('jobs')) as number)
    await queue.close()
    return worked
  },
}

function steadily(
  about: Pick<Measure, 'name' | 'title' | 'about'>,
  play: (stage: Parameters<Measure['run']>[0]) => Promise<Produced & Worked>,
): Measure {
  return {
    ...about,
    rounds: 5,
    short: true,
    figures: [{ key: 'rate', title: 'jobs/s', better: 'more', digits: 0 }],
    entries: working,
    roles,
    async run(stage) {
      const { jobs, began, ended, durability, ran } = await play(stage)
      exactlyOnce(jobs, ran)
      return { durability, figures: { rate: (1_000 * (jobs - warm)) / (ended - began) } }
    },
  }
}

export const steady = steadily(
  {
    name: 'steady',
    title: 'Steady state, one process',
    about:
      'One process works and keeps 200 enqueues in flight for the time of the run. The rate is of all its jobs, from the first enqueue until the last is stored as ended, so what piles up counts against it.',
  },
  async (stage) => (await stage.play('both').done()) as Produced & Worked,
)

export const steadyApart = steadily(
  {
    name: 'steady-apart',
    title: 'Steady state, two processes',
    about: 'The same, with the producer and the worker in a process working.',
  },
  async (stage) => {
    const worker = stage.play('worker')
    await worker.heard('ready')
    const produced = (await stage.play('producer').done()) as Produced
    worker.say('jobs', produced.jobs)
    return { ...produced, ...((await worker.done()) as Worked) }
  },
)
