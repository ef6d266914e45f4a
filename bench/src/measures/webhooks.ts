import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { now } from '../clock.ts'
import { exactlyOnce, type RunCounts, runCounts, Tally } from '../tally.ts'
import { each, type Measure } from './port.ts'
import { allFinished, fill } from './workload.ts'

interface Received {
  distinct: number
  deliveries: number
  lastAt: number
}

export const webhooks: Measure = {
  name: 'webhooks',
  title: 'A webhook for every job',
  about:
    'No-op jobs, enqueued beforehand, each with a webhook to a receiver on loopback that responds 204. Time from the call that starts the worker until the receiver has the last webhook. The peers have no webhooks.',
  rounds: 3,
  short: true,
  figures: [
    { key: 'rate', title: 'jobs/s completed and delivered', better: 'higher', digits: 0 },
    { key: 'cpu', title: 'CPU s per 10k, process', better: null, digits: 2 },
  ],
  entries: (systems) => each(systems.filter(({ ours }) => ours)),
  async run({ settings: { webhooks: jobs }, spawn }) {
    const receiver = spawn('receiver')
    const url = await receiver.receive('listening')
    await spawn('producer', url).result()
    const worker = spawn('worker', url)
    const startedAt = (await worker.receive('started')) as number
    await receiver.receive('all')
    worker.send('received')
    const { counts, cpu, durability } = (await worker.result()) as {
      counts: RunCounts
      cpu: number
      durability: string
    }
    receiver.send('stop')
    const { distinct, deliveries, lastAt } = (await receiver.result()) as Received
    exactlyOnce(jobs, counts)
    if (distinct !== jobs || counts.delivered !== jobs) {
      throw new Error(`${distinct} of ${jobs} webhooks arrived, and ${counts.delivered} are stored as delivered`)
    }
    if (deliveries !== jobs) throw new Error(`${deliveries - jobs} webhooks were delivered more than once`)
    return { durability, figures: { rate: (1_000 * jobs) / (lastAt - startedAt), cpu: (cpu * 10_000) / jobs } }
  },
  roles: {
    async receiver({ settings, send, receive }): Promise<Received> {
      const ids = new Set<unknown>()
      const result: Received = { distinct: 0, deliveries: 0, lastAt: 0 }
      const server = createServer((req, res) => {
        req.resume()
        req.on('end', () => {
          ids.add(req.headers['webhook-id'])
          result.deliveries++
          res.writeHead(204).end()
          if (ids.size !== settings.webhooks || result.lastAt > 0) return
          result.lastAt = now()
          send('all')
        })
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      send('listening', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      await receive('stop')
      server.close()
      server.closeAllConnections()
      return { ...result, distinct: ids.size }
    },
    async producer({ open, input, settings }) {
      const queue = await open({ webhookUrl: input as string })
      await fill(queue, settings.webhooks)
      await queue.close()
    },
    async worker({ open, input, settings, send, receive }) {
      const queue = await open({ webhookUrl: input as string })
      const tally = new Tally()
      const cpuBefore = process.cpuUsage()
      send('started', now())
      const stop = await queue.work((job) => tally.mark(job))
      await allFinished(queue, tally, settings.webhooks)
      await receive('received')
      const { user, system } = process.cpuUsage(cpuBefore)
      const durability = await queue.durability()
      // The results of the last deliveries may not be stored yet.
      while (((await queue.counts()).delivered ?? 0) < settings.webhooks) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await stop()
      const counts = runCounts(tally, await queue.counts())
      await queue.close()
      return { counts, cpu: (user + system) / 1e6, durability }
    },
  },
}
