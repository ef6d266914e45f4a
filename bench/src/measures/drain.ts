import { now } from '../clock.ts'
import { exactlyOnce, type RunCounts, runCounts, Tally } from '../tally.ts'
import { type Measure, withWorkers } from './port.ts'
import { allFinished, fill } from './workload.ts'

interface Drained {
  counts: RunCounts
  ms: number
  msFromFirst: number
  cpu: number
  peak: number
  durability: string
}

export const drain: Measure = {
  name: 'drain',
  title: 'Drain, no-op jobs',
  about:
    'Another process enqueued the jobs beforehand, as many for every system. Time from the call that starts the worker, and from the first handler, until every job is stored as finished. CPU and peak memory are those of the worker process; they include a SQLite store, but not PostgreSQL and Redis.',
  rounds: 5,
  short: true,
  figures: [
    { key: 'rate', title: 'jobs/s', better: 'higher', digits: 0 },
    { key: 'rateFromFirst', title: 'jobs/s from the first handler', better: 'higher', digits: 0 },
    { key: 'cpu', title: 'CPU s per 10k, process', better: 'lower', digits: 2 },
    { key: 'serverCpu', title: 'CPU s per 10k, servers', better: null, digits: 2 },
    { key: 'peak', title: 'peak RSS, MB', better: 'lower', digits: 0 },
    { key: 'jobs', title: 'jobs', better: null, digits: 0 },
  ],
  entries: withWorkers,
  async run({ settings, spawn, serverCpu }) {
    const { jobs } = settings
    await spawn('producer').result()
    const cpuBefore = serverCpu()
    const drained = (await spawn('worker').result()) as Drained
    exactlyOnce(jobs, drained.counts)
    const per10k = 10_000 / jobs
    return {
      durability: drained.durability,
      figures: {
        rate: (1_000 * jobs) / drained.ms,
        rateFromFirst: (1_000 * jobs) / drained.msFromFirst,
        cpu: drained.cpu * per10k,
        serverCpu: (serverCpu() - cpuBefore) * per10k,
        peak: drained.peak,
        jobs,
      },
    }
  },
  roles: {
    async producer(context) {
      const queue = await context.open()
      await fill(queue, context.settings.jobs)
      await queue.close()
    },
    async worker(context): Promise<Drained> {
      const queue = await context.open()
      const tally = new Tally()
      const cpuBefore = process.cpuUsage()
      const startedAt = now()
      const stop = await queue.work((payload) => tally.mark(payload))
      const finishedAt = await allFinished(queue, tally, context.settings.jobs)
      const { user, system } = process.cpuUsage(cpuBefore)
      const durability = await queue.durability()
      await stop()
      const counts = runCounts(tally, await queue.counts())
      await queue.close()
      // `maxRSS` is in kilobytes.
      const peak = process.resourceUsage().maxRSS / 1_024
      const [ms, msFromFirst] = [finishedAt - startedAt, finishedAt - tally.firstAt]
      return { counts, ms, msFromFirst, cpu: (user + system) / 1e6, peak, durability }
    },
  },
}
