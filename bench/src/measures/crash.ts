import { now } from '../clock.ts'
import type { OpenOptions } from '../systems/port.ts'
import { type Ran, ran, Tally } from '../tally.ts'
import { allEnded, payload } from './flood.ts'
import { type Measure, working } from './port.ts'

const jobs = 50

interface Inherited {
  ran: Ran
  first: number
  last: number
  durability: string
}

/** Those whose documentation names a wait that no bench waits for. */
const hopeless = ['pg-boss', 'graphile', 'plainjob', 'plainjob-normal', 'recipe']

export const crash: Measure = {
  name: 'crash',
  title: 'After kill -9, its jobs run again',
  about:
    'A process that runs 50 jobs is killed (SIGKILL) while another one is idle. From the kill until the first and the last of them run again there, working with its own defaults (our lease: 30 s; in the short form 2 s). None may end twice. By their own documentation pg-boss takes 15 minutes, plainjob 30 minutes, graphile-worker 4 hours, and the recipe never does; they are not waited for.',
  rounds: 1,
  short: true,
  figures: [
    { key: 'first', title: 'first, s', better: 'less', digits: 1 },
    { key: 'last', title: 'last, s', better: 'less', digits: 1 },
    { key: 'twice', title: 'ran more than once in the second process', better: null, digits: 0 },
  ],
  entries: (systems) => working(systems.filter(({ name }) => !hopeless.includes(name))),
  async run(stage) {
    const options: OpenOptions = stage.settings.short ? { lease: 2_000 } : {}
    const victim = stage.play('victim', options)
    await victim.heard('busy')
    const heir = stage.play('heir', options)
    await heir.heard('ready')
    const killed = now()
    await victim.kill()
    const { ran, first, last, durability } = (await heir.done()) as Inherited
    if (ran.distinct !== jobs) throw new Error(`${jobs - ran.distinct} of ${jobs} jobs never ran again`)
    if (ran.waiting !== 0) throw new Error(`${ran.waiting} jobs have not ended`)
    if (ran.ended !== null && ran.ended !== jobs)
      throw new Error(`${ran.ended} jobs are kept as completed, not ${jobs}`)
    const figures = { first: (first - killed) / 1_000, last: (last - killed) / 1_000, twice: ran.runs - ran.distinct }
    return { durability, figures }
  },
  roles: {
    async victim({ open, say, given }) {
      const queue = await open(given as OpenOptions)
      const tally = new Tally()
      await queue.bulk(Array.from({ length: jobs }, (_, n) => payload(n)))
      await queue.work(
        (job) => {
          tally.mark(job)
          return new Promise(() => {})
        },
        { concurrency: jobs },
      )
      await tally.reaches(jobs)
      say('busy')
      await new Promise(() => {})
    },
    async heir({ open, say, given }): Promise<Inherited> {
      const queue = await open(given as OpenOptions)
      const tally = new Tally()
      let first = 0
      let last = 0
      const stop = await queue.work(
        (job) => {
          last = now()
          if (first === 0) first = last
          tally.mark(job)
        },
        { concurrency: jobs },
      )
      say('ready')
      await allEnded(queue, tally, jobs)
      const durability = await queue.durability()
      await stop()
      const counts = await queue.counts()
      await queue.close()
      return { ran: ran(tally, counts), first, last, durability }
    },
  },
}
