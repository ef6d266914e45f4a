import { type LoadResult, runLoad } from '../http-load.ts'
import type { System } from '../systems/index.ts'
import type { Counts } from '../systems/port.ts'
import { serveNoop, serveQueue } from './http-servers.ts'
import type { Entry, Measure } from './port.ts'

const noops: Entry[] = ['node', 'node-batched', 'hono', 'fastify', 'express'].map((stack) => ({
  name: `noop-${stack}`,
  label: `no-op 202, ${stack === 'node-batched' ? 'node:http, responses sent in batches (setImmediate)' : stack}`,
  system: null,
  variant: stack,
}))

/**
 * Ours through its own adapters, and through a Fastify route that calls `enqueue`. The peers use the latter, since Fastify makes them
 * fastest. The hand-written queue uses Express, its usual framework.
 */
const stacks = ({ ours, name }: System): [string, string][] => {
  if (!ours) return name === 'recipe' ? [['express', 'express']] : [['fastify', 'fastify']]
  return [
    ['node', 'node:http, full jobs API'],
    ['express', 'express, expressAccept'],
    ['fastify', 'fastify, a route that calls enqueue'],
  ]
}

export const http: Measure = {
  name: 'http',
  title: 'POST → 202 over HTTP',
  about:
    '64 connections and a body of 300 bytes, against one process that only accepts jobs. A no-op reads and parses the body and responds 202 with an id. The number of stored jobs must match the number of responses.',
  rounds: 5,
  short: false,
  figures: [
    { key: 'rate', title: 'requests/s', better: 'higher', digits: 0 },
    { key: 'p50', title: 'p50, ms', better: 'lower', digits: 1 },
    { key: 'p99', title: 'p99, ms', better: 'lower', digits: 1 },
  ],
  entries: (systems) => [
    ...noops,
    ...systems.flatMap((system): Entry[] =>
      stacks(system).map(([stack, label]) => ({
        name: `${system.name}-${stack}`,
        label: `${system.label}, ${label}`,
        system,
        variant: stack,
      })),
    ),
  ],
  async run({ settings, spawn }) {
    const server = spawn('server')
    const { url, durability } = (await server.receive('listening')) as { url: string; durability?: string }
    const warmup = await runLoad(url, body, 1)
    const measured = await runLoad(url, body, settings.seconds)
    server.send('stop')
    const counts = (await server.result()) as Counts | null
    checkCounts([warmup, measured], counts)
    const { rate, p50, p99 } = measured
    return durability === undefined ? { figures: { rate, p50, p99 } } : { durability, figures: { rate, p50, p99 } }
  },
  roles: {
    async server({ entry: { name, variant = 'node' }, open, send, receive }) {
      if (name.startsWith('noop-')) {
        const server = await serveNoop(variant)
        send('listening', { url: server.url })
        await receive('stop')
        await server.close()
        return null
      }
      const queue = await open()
      const server = await serveQueue(queue, variant)
      send('listening', { url: server.url, durability: await queue.durability() })
      await receive('stop')
      await server.close()
      const counts = await queue.counts()
      await queue.close()
      return counts
    },
  },
}

const empty = JSON.stringify({ type: 'noop', input: { n: 1, at: 0, pad: '' } })
const body = JSON.stringify({ type: 'noop', input: { n: 1, at: 0, pad: 'x'.repeat(300 - empty.length) } })

/** Up to 64 requests in flight at the end of a load may be stored without being counted. */
function checkCounts(loads: readonly LoadResult[], counts: Counts | null): void {
  const errors = loads.reduce((sum, one) => sum + one.errors, 0)
  if (errors > 0) throw new Error(`${errors} requests did not get a 2xx response`)
  if (counts === null) return
  const accepted = loads.reduce((sum, { requests }) => sum + requests, 0)
  const stored = counts.unfinished + (counts.completed ?? 0)
  if (stored < accepted || stored > accepted + 64 * loads.length) {
    throw new Error(`${accepted} jobs were accepted, but ${stored} are stored`)
  }
}
