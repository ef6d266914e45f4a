import { createServer as createHttpServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { createJobs, job, silentLog, sqlite } from 'uketsuke'
import { postgres } from 'uketsuke/postgres'
import { z } from 'zod'
import { now, percentile } from '../clock.ts'
import type { ChildContext, Entry, Measure } from './port.ts'

const goodReceivers = 200
/** Webhooks to the dead receiver, all waiting when the measurement starts. */
const deadWebhooks = 150
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

/** Delays from the end of a job to the arrival of its webhook, in milliseconds. */
interface Delays {
  ms: number[]
  durability: string
}

export const deadReceiver: Measure = {
  name: 'dead-receiver',
  title: 'A receiver that never answers, among 200 that do',
  about: `${goodReceivers} receivers of ${goodReceivers} owners on loopback, each with an origin of its own, get a webhook in turn, one every 5 ms. Time from the end of a job to the arrival of its webhook: alone, and while ${deadWebhooks} webhooks of another owner are due to a receiver that accepts connections and never answers.`,
  rounds: 3,
  short: false,
  figures: [
    { key: 'p50', title: 'p50, ms', better: 'lower', digits: 2 },
    { key: 'p99', title: 'p99, ms', better: 'lower', digits: 2 },
  ],
  entries: (systems) =>
    systems
      .filter(({ name }) => name === 'uketsuke-sqlite' || name === 'uketsuke-pg')
      .flatMap((system): Entry[] => [
        { name: system.name, label: system.label, system },
        { name: `${system.name}-dead`, label: `${system.label}, and a dead receiver`, system, variant: 'dead' },
      ]),
  async run({ spawn }) {
    const { ms, durability } = (await spawn('worker').result()) as Delays
    if (ms.length !== goodReceivers * 10) throw new Error(`${ms.length} webhooks arrived.`)
    return { durability, figures: { p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) } }
  },
  roles: { worker },
}

async function listening(server: {
  listen(port: number, host: string, done: () => void): unknown
  address(): unknown
}) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function worker({ entry, resources }: ChildContext): Promise<Delays> {
  const ms: number[] = []
  const total = goodReceivers * 10
  let arrived = () => {}
  const all = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const receive: Parameters<typeof createHttpServer>[1] = (req, res) => {
    let body = ''
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      ms.push(now() - (JSON.parse(body) as { data: { output: { at: number } } }).data.output.at)
      res.writeHead(204).end()
      if (ms.length === total) arrived()
    })
  }
  const servers: Server[] = Array.from({ length: goodReceivers }, () => createHttpServer({}, receive))
  const hosts = await Promise.all(servers.map(listening))
  const dead = createTcpServer(() => {})
  const deadHost = await listening(dead)
  const store = entry.name.startsWith('uketsuke-pg')
    ? postgres(resources.postgres)
    : sqlite(join(resources.folder, 'jobs.db'))
  const jobs = createJobs({
    jobs: { noop: job({ input: z.object({}), run: () => ({ at: now() }) }) },
    store,
    log: silentLog,
    webhooks: { secret, allowHosts: [...hosts, deadHost] },
  })
  await jobs.ready()
  if (entry.variant === 'dead') {
    for (let i = 0; i < deadWebhooks; i++) {
      await jobs.enqueue('noop', {}, { owner: 'dead', webhookUrl: `http://${deadHost}/` })
    }
  }
  await jobs.work({ concurrency: 200 })
  // The first webhooks to the dead receiver are in progress.
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (let i = 0; i < total; i++) {
    const to = i % goodReceivers
    void jobs.enqueue('noop', {}, { owner: `owner-${to}`, webhookUrl: `http://${hosts[to]}/` })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await all
  const { durability } = jobs.store.description
  for (const server of servers) server.closeAllConnections()
  setTimeout(() => process.exit(0), 2_000).unref()
  return { ms, durability }
}
