import { now, percentile } from '../clock.ts'
import type { Entry, Measure } from './port.ts'
import { connect, type Heard } from './sse-crowd.ts'
import { fanOut } from './sse-servers.ts'

export const sse: Measure = {
  name: 'sse',
  title: 'SSE, many connections to one process',
  about:
    'All connections follow one job; a change each second. From the change (for ours: the handler’s call of `progress`, so its commit is included; for the others: the loop that writes) until the event is at the client, over all connections. KB: growth of the process’s RSS per connection, after a collection of garbage. Missed: events that a connection did not get; ours sends states, not events, so a slow reader may miss one that is outdated.',
  rounds: 3,
  short: true,
  figures: [
    { key: 'p50', title: 'p50, ms', better: 'less', digits: 1 },
    { key: 'p99', title: 'p99, ms', better: 'less', digits: 1 },
    { key: 'last', title: 'last byte, median of events, ms', better: 'less', digits: 1 },
    { key: 'kb', title: 'KB a connection', better: 'less', digits: 1 },
    { key: 'missed', title: 'missed', better: null, digits: 0 },
  ],
  entries: (systems) => [
    ...systems
      .filter(({ name }) => name === 'uketsuke-sqlite')
      .map((system): Entry => ({ name: system.name, label: system.label, system, variant: 'ours' })),
    { name: 'bare', label: 'node:http, bare', system: null, variant: 'bare' },
    { name: 'better-sse', label: 'better-sse', system: null, variant: 'better-sse' },
  ],
  async run(stage) {
    const { connections, events } = stage.settings
    const server = stage.play('server')
    const crowd = stage.play('crowd', await server.heard('listening'))
    await crowd.heard('connected')
    server.say('connected')
    const kb = (await server.heard('kb')) as number
    await server.heard('over')
    crowd.say('over')
    const { late } = (await crowd.done()) as Heard
    server.say('stop')
    await server.done()
    const all = late.flat()
    const last = percentile(
      late.filter((one) => one.length > 0).map((one) => Math.max(...one)),
      0.5,
    )
    if (all.length === 0) throw new Error('no event arrived')
    const missed = connections * events - all.length
    return { figures: { p50: percentile(all, 0.5), p99: percentile(all, 0.99), last, kb, missed } }
  },
  roles: {
    async server({ entry, settings, place, say, heard }) {
      const server = await fanOut(entry.variant ?? 'bare', place)
      const before = await restingMemory()
      say('listening', { port: server.port, path: server.path })
      await heard('connected')
      say('kb', ((await restingMemory()) - before) / 1_024 / settings.connections)
      for (let n = 1; n <= settings.events; n++) {
        server.change(n, `t=${now().toFixed(3)};`)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
      say('over')
      await heard('stop')
      await server.close()
    },
    async crowd({ given, settings, say, heard }): Promise<Heard> {
      const { port, path } = given as { port: number; path: string }
      const crowd = await connect(port, path, settings.connections)
      say('connected')
      await heard('over')
      return crowd.leave()
    },
  },
}

/** After a collection of garbage and a moment of rest. */
async function restingMemory(): Promise<number> {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  await new Promise((resolve) => setTimeout(resolve, 500))
  return process.memoryUsage().rss
}
