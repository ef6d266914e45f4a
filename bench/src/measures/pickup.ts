import { now, percentile } from '../clock.ts'
import type { Queue } from '../systems/port.ts'
import { exactlyOnce, type Ran, ran, Tally } from '../tally.ts'
import { allEnded, every50ms, payload } from './flood.ts'
import { type Measure, type Scene, working } from './port.ts'

interface Picked {
  ran: Ran
  ms: number[]
  durability: string
}

/** The first are not counted: connections and code are new. */
const warm = 10

async function worker(queue: Queue, { settings }: Scene, enqueue: () => Promise<unknown>): Promise<Picked> {
  const tally = new Tally()
  const ms: number[] = []
  const stop = await queue.work((job) => {
    const late = now() - job.at
    if (job.n >= warm) ms.push(late)
    tally.mark(job)
  })
  await enqueue()
  await allEnded(queue, tally, settings.samples + warm)
  const durability = await queue.durability()
  await stop()
  const counts = await queue.counts()
  await queue.close()
  return { ran: ran(tally, counts), ms, durability }
}

const produce = (queue: Queue, { settings }: Scene) =>
  every50ms(settings.samples + warm, (n) => queue.enqueue(payload(n)))

function picking(
  about: Pick<Measure, 'name' | 'title' | 'about'>,
  play: (stage: Parameters<Measure['run']>[0]) => Promise<Picked>,
): Measure {
  return {
    ...about,
    rounds: 3,
    short: true,
    figures: [
      { key: 'p50', title: 'p50, ms', better: 'less', digits: 2 },
      { key: 'p99', title: 'p99, ms', better: 'less', digits: 2 },
    ],
    entries: working,
    async run(stage) {
      const { ran, ms, durability } = await play(stage)
      exactlyOnce(stage.settings.samples + warm, ran)
      return { durability, figures: { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) } }
    },
    roles: {
      async worker(scene) {
        const queue = await scene.open()
        return worker(queue, scene, async () => scene.say('ready'))
      },
      async producer(scene) {
        const queue = await scene.open()
        await produce(queue, scene)
        await queue.close()
      },
      async both(scene) {
        const queue = await scene.open()
        return worker(queue, scene, () => produce(queue, scene))
      },
    },
  }
}

export const pickup = picking(
  {
    name: 'pickup',
    title: 'Pick-up by another process',
    about:
      'One process enqueues a job every 50 ms, another one waits for work. From the call of enqueue until the handler runs, the commit included.',
  },
  async (stage) => {
    const worker = stage.play('worker')
    await worker.heard('ready')
    await stage.play('producer').done()
    return (await worker.done()) as Picked
  },
)

export const pickupHere = picking(
  {
    name: 'pickup-here',
    title: 'Pick-up in the same process',
    about: 'The same with the producer and the worker in one process.',
  },
  async (stage) => (await stage.play('both').done()) as Picked,
)
