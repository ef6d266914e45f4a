import { now } from '../clock.ts'
import type { OpenOptions } from '../systems/port.ts'
import { type RunCounts, runCounts, Tally } from '../tally.ts'
import { type Measure, withWorkers } from './port.ts'
import { allFinished, payload } from './workload.ts'

const jobs = 50

interface Recovered {
  counts: RunCounts
  first: number
  last: number
  durability: string
}

/** By their documentation they recover too late to wait for, or never. */
const notMeasured = ['pg-boss', 'graphile', 'plainjob', 'plainjob-normal', 'recipe']

export const crash: Measure = {
  name: 'crash',
  title: 'Crash recovery after kill -9',
  about:
    'A process that runs 50 jobs is killed (SIGKILL) while another one is idle. Time from the kill until the idle process runs the first and the last of them again, with each system’s default settings (our lease: 30 s; 2 s in the short form). No job may finish twice. According to their documentation pg-boss takes 15 minutes, plainjob 30 minutes and graphile-worker 4 hours, and the hand-written queue never recovers; they are not measured.',
  rounds: 1,
  short: true,
  figures: [
    { key: 'first', title: 'first, s', better: 'lower', digits: 1 },
    { key: 'last', title: 'last, s', better: 'lower', digits: 1 },
    { key: 'duplicates', title: 'duplicate runs in the second process', better: null, digits: 0 },
  ],
  entries: (systems) => withWorkers(systems.filter(({ name }) => !notMeasured.includes(name))),
  async run({ settings, spawn }) {
    const options: OpenOptions = settings.short ? { lease: 2_000 } : {}
    const crashing = spawn('crashing', options)
    await crashing.receive('busy')
    const recovering = spawn('recovering', options)
    await recovering.receive('ready')
    const killedAt = now()
    await crashing.kill()
    const { counts, first, last, durability } = (await recovering.result()) as Recovered
    if (counts.distinct !== jobs) throw new Error(`${jobs - counts.distinct} of ${jobs} jobs never ran again`)
    if (counts.unfinished !== 0) throw new Error(`unfinished jobs: ${counts.unfinished}`)
    if (counts.completed !== null && counts.completed !== jobs)
      throw new Error(`completed jobs: ${counts.completed}, expected ${jobs}`)
    const duplicates = counts.runs - counts.distinct
    return { durability, figures: { first: (first - killedAt) / 1_000, last: (last - killedAt) / 1_000, duplicates } }
  },
  roles: {
    async crashing({ open, send, input }) {
      const queue = await open(input as OpenOptions)
      const tally = new Tally()
      await queue.enqueueMany(Array.from({ length: jobs }, (_, n) => payload(n)))
      await queue.work(
        (job) => {
          tally.mark(job)
          return new Promise(() => {})
        },
        { concurrency: jobs },
      )
      await tally.reaches(jobs)
      send('busy')
      await new Promise(() => {})
    },
    async recovering({ open, send, input }): Promise<Recovered> {
      const queue = await open(input as OpenOptions)
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
      send('ready')
      await allFinished(queue, tally, jobs)
      const durability = await queue.durability()
      await stop()
      const counts = runCounts(tally, await queue.counts())
      await queue.close()
      return { counts, first, last, durability }
    },
  },
}
