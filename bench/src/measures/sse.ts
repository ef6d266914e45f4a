import { now, percentile } from '../clock.ts'
import type { Entry, Measure } from './port.ts'
import { connectReaders, type ReaderLatencies } from './sse-readers.ts'
import { startFanOut } from './sse-servers.ts'

export const sse: Measure = {
  name: 'sse',
  title: 'SSE fan-out, many connections to one process',
  about:
    'All connections follow one job, which changes every second. Time from the change (Uketsuke: the handler’s call of `progress`, so its commit is included; the others: the loop that writes) until the event reaches the client, over all connections. KB: growth of the process’s RSS per connection, after garbage collection. Missed: events that a connection did not receive; Uketsuke sends states, not events, so a slow reader may skip an outdated one.',
  rounds: 3,
  short: true,
  figures: [
    { key: 'p50', title: 'p50, ms', better: 'lower', digits: 1 },
    { key: 'p99', title: 'p99, ms', better: 'lower', digits: 1 },
    { key: 'last', title: 'last connection, median of events, ms', better: 'lower', digits: 1 },
    { key: 'kb', title: 'KB per connection', better: 'lower', digits: 1 },
    { key: 'missed', title: 'missed', better: null, digits: 0 },
  ],
  entries: (systems) => [
    ...systems
      .filter(({ name }) => name === 'uketsuke-sqlite')
      .map((system): Entry => ({ name: system.name, label: system.label, system, variant: 'ours' })),
    { name: 'bare', label: 'node:http, bare', system: null, variant: 'bare' },
    { name: 'better-sse', label: 'better-sse', system: null, variant: 'better-sse' },
  ],
  async run({ settings: { connections, events }, spawn }) {
    const server = spawn('server')
    const readers = spawn('readers', await server.receive('listening'))
    await readers.receive('connected')
    server.send('connected')
    const kb = (await server.receive('kb')) as number
    await server.receive('finished')
    readers.send('finished')
    const { latencies } = (await readers.result()) as ReaderLatencies
    server.send('stop')
    await server.result()
    const all = latencies.flat()
    if (all.length === 0) throw new Error('No event arrived')
    const slowest = latencies.filter((one) => one.length > 0).map((one) => Math.max(...one))
    const missed = connections * events - all.length
    const figures = {
      p50: percentile(all, 0.5),
      p99: percentile(all, 0.99),
      last: percentile(slowest, 0.5),
      kb,
      missed,
    }
    return { figures }
  },
  roles: {
    async server({ entry, settings, resources, send, receive }) {
      const server = await startFanOut(entry.variant ?? 'bare', resources)
      const before = await restingMemory()
      send('listening', { port: server.port, path: server.path })
      await receive('connected')
      send('kb', ((await restingMemory()) - before) / 1_024 / settings.connections)
      for (let n = 1; n <= settings.events; n++) {
        server.change(n, `t=${now().toFixed(3)};`)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
      send('finished')
      await receive('stop')
      await server.close()
    },
    async readers({ input, settings, send, receive }): Promise<ReaderLatencies> {
      const { port, path } = input as { port: number; path: string }
      const readers = await connectReaders(port, path, settings.connections)
      send('connected')
      await receive('finished')
      return readers.disconnect()
    },
  },
}

/** RSS after a garbage collection and half a second of idle time. */
async function restingMemory(): Promise<number> {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  await new Promise((resolve) => setTimeout(resolve, 500))
  return process.memoryUsage().rss
}
