import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { now } from '../clock.ts'
import { exactlyOnce, type Ran, ran, Tally } from '../tally.ts'
import { allEnded, fill } from './flood.ts'
import { each, type Measure, type Scene } from './port.ts'

interface Received {
  distinct: number
  deliveries: number
  ended: number
}

const jobsOf = ({ settings }: Pick<Scene, 'settings'>) => settings.jobs

export const webhooks: Measure = {
  name: 'webhooks',
  title: 'A webhook on every job',
  about:
    'Jobs that do nothing, enqueued before, each with a webhook to a receiver on loopback that answers 204. From the call that starts the worker until the receiver has the last one. Peers have no webhooks.',
  rounds: 3,
  short: true,
  figures: [
    { key: 'rate', title: 'jobs/s done and told', better: 'more', digits: 0 },
    { key: 'cpu', title: 'CPU s per 10k, process', better: null, digits: 2 },
  ],
  entries: (systems) => each(systems.filter(({ ours }) => ours)),
  async run(stage) {
    const jobs = jobsOf(stage)
    const receiver = stage.play('receiver')
    const url = await receiver.heard('listening')
    await stage.play('filler', url).done()
    const worker = stage.play('worker', url)
    const began = (await worker.heard('began')) as number
    await receiver.heard('all')
    worker.say('received')
    const worked = (await worker.done()) as { ran: Ran; cpu: number; durability: string }
    receiver.say('stop')
    const { distinct, deliveries, ended } = (await receiver.done()) as Received
    exactlyOnce(jobs, worked.ran)
    if (distinct !== jobs || worked.ran.delivered !== jobs) {
      throw new Error(`${distinct} of ${jobs} webhooks came, and ${worked.ran.delivered} are stored as delivered`)
    }
    if (deliveries !== jobs) throw new Error(`${deliveries - jobs} webhooks came again`)
    const { durability, cpu } = worked
    return { durability, figures: { rate: (1_000 * jobs) / (ended - began), cpu: (cpu * 10_000) / jobs } }
  },
  roles: {
    async receiver({ settings, say, heard }): Promise<Received> {
      const ids = new Set<unknown>()
      const result: Received = { distinct: 0, deliveries: 0, ended: 0 }
      const server = createServer((req, res) => {
        req.resume()
        req.on('end', () => {
          ids.add(req.headers['webhook-id'])
          result.deliveries++
          res.writeHead(204).end()
          if (ids.size !== jobsOf({ settings }) || result.ended > 0) return
          result.ended = now()
          say('all')
        })
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      say('listening', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      await heard('stop')
      server.close()
      server.closeAllConnections()
      return { ...result, distinct: ids.size }
    },
    async filler(scene) {
      const queue = await scene.open({ webhookUrl: scene.given as string })
      await fill(queue, jobsOf(scene))
      await queue.close()
    },
    async worker(scene) {
      const queue = await scene.open({ webhookUrl: scene.given as string })
      const tally = new Tally()
      const cpu = process.cpuUsage()
      scene.say('began', now())
      const stop = await queue.work((job) => tally.mark(job))
      await allEnded(queue, tally, jobsOf(scene))
      await scene.heard('received')
      const used = process.cpuUsage(cpu)
      const durability = await queue.durability()
      // The last answers are still to be stored.
      while (((await queue.counts()).delivered ?? 0) < jobsOf(scene))
        await new Promise((resolve) => setTimeout(resolve, 5))
      await stop()
      const counts = await queue.counts()
      await queue.close()
      return { ran: ran(tally, counts), cpu: (used.user + used.system) / 1e6, durability }
    },
  },
}
