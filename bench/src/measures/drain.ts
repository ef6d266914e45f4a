import { now } from '../clock.ts'
import { exactlyOnce, type Ran, ran, Tally } from '../tally.ts'
import { allEnded, fill } from './flood.ts'
import { type Measure, type Scene, working } from './port.ts'

interface Drained {
  ran: Ran
  ms: number
  cpu: number
  peak: number
  durability: string
}

const jobsOf = ({ settings, entry }: Pick<Scene, 'settings' | 'entry'>) => settings.jobs * entry.size

export const drain: Measure = {
  name: 'drain',
  title: 'Drain, jobs that do nothing',
  about:
    'The jobs were enqueued before, by another process. From the call that starts the worker until every job is stored as ended. CPU and peak memory are those of the working process; a SQLite store works inside it, PostgreSQL and Redis do not.',
  rounds: 5,
  short: true,
  figures: [
    { key: 'rate', title: 'jobs/s', better: 'more', digits: 0 },
    { key: 'cpu', title: 'CPU s per 10k, process', better: 'less', digits: 2 },
    { key: 'serverCpu', title: 'CPU s per 10k, servers', better: null, digits: 2 },
    { key: 'peak', title: 'peak RSS, MB', better: 'less', digits: 0 },
    { key: 'jobs', title: 'jobs', better: null, digits: 0 },
  ],
  entries: working,
  async run(stage) {
    const jobs = stage.settings.jobs * (stage.entry.system?.size ?? 1)
    await stage.play('filler').done()
    const before = stage.serverCpu()
    const drained = (await stage.play('worker').done()) as Drained
    exactlyOnce(jobs, drained.ran)
    const per = 10_000 / jobs
    return {
      durability: drained.durability,
      figures: {
        rate: (1_000 * jobs) / drained.ms,
        cpu: drained.cpu * per,
        serverCpu: (stage.serverCpu() - before) * per,
        peak: drained.peak,
        jobs,
      },
    }
  },
  roles: {
    async filler(scene) {
      const queue = await scene.open()
      await fill(queue, jobsOf(scene))
      await queue.close()
    },
    async worker(scene): Promise<Drained> {
      const queue = await scene.open()
      const tally = new Tally()
      const cpu = process.cpuUsage()
      const began = now()
      const stop = await queue.work((payload) => tally.mark(payload))
      const ended = await allEnded(queue, tally, jobsOf(scene))
      const used = process.cpuUsage(cpu)
      const durability = await queue.durability()
      await stop()
      const counts = await queue.counts()
      await queue.close()
      // Kilobytes, as Linux counts them.
      const peak = process.resourceUsage().maxRSS / 1_024
      return { ran: ran(tally, counts), ms: ended - began, cpu: (used.user + used.system) / 1e6, peak, durability }
    },
  },
}
