import { type Load, load } from '../load.ts'
import type { System } from '../systems/index.ts'
import type { Counts } from '../systems/port.ts'
import { serveNothing, serveQueue } from './http-servers.ts'
import type { Entry, Measure } from './port.ts'

const nothing: Entry[] = ['node', 'node-batched', 'hono', 'fastify', 'express'].map((stack) => ({
  name: `noop-${stack}`,
  label: `no-op 202, ${stack === 'node-batched' ? 'node:http, answers leave in batches (setImmediate)' : stack}`,
  system: null,
  variant: stack,
}))

/**
 * Ours by its own adapters, and as a route on Fastify that calls `enqueue`, which is how the others are measured: behind the framework that
 * makes them fastest. The recipe is on Express, where it is usually written.
 */
const stacks = ({ ours, name }: System): [string, string][] => {
  if (!ours) return name === 'recipe' ? [['express', 'express']] : [['fastify', 'fastify']]
  return [
    ['node', 'node:http, the whole jobs API'],
    ['express', 'express, expressAccept'],
    ['fastify', 'fastify, a route that calls enqueue'],
  ]
}

export const http: Measure = {
  name: 'http',
  title: 'POST → 202 over HTTP',
  about:
    '64 connections, a body of 300 bytes, one process that only accepts. A no-op reads the body, parses it and answers 202 with an id. The number of stored jobs must fit the number of answers.',
  rounds: 5,
  short: false,
  figures: [
    { key: 'rate', title: 'requests/s', better: 'more', digits: 0 },
    { key: 'p50', title: 'p50, ms', better: 'less', digits: 1 },
    { key: 'p99', title: 'p99, ms', better: 'less', digits: 1 },
  ],
  entries: (systems) => [
    ...nothing,
    ...systems.flatMap((system): Entry[] =>
      stacks(system).map(([stack, label]) => ({
        name: `${system.name}-${stack}`,
        label: `${system.label}, ${label}`,
        system,
        variant: stack,
      })),
    ),
  ],
  async run(stage) {
    const server = stage.play('server')
    const { url, durability } = (await server.heard('listening')) as { url: string; durability?: string }
    const warm = await load(url, body, 1)
    const measured = await load(url, body, stage.settings.seconds)
    server.say('stop')
    const counts = (await server.done()) as Counts | null
    check([warm, measured], counts)
    const { rate, p50, p99 } = measured
    return durability === undefined ? { figures: { rate, p50, p99 } } : { durability, figures: { rate, p50, p99 } }
  },
  roles: {
    async server(scene) {
      const { variant = 'node' } = scene.entry
      if (scene.entry.name.startsWith('noop-')) {
        const server = await serveNothing(variant)
        scene.say('listening', { url: server.url })
        await scene.heard('stop')
        await server.close()
        return null
      }
      const queue = await scene.open()
      const server = await serveQueue(queue, variant)
      scene.say('listening', { url: server.url, durability: await queue.durability() })
      await scene.heard('stop')
      await server.close()
      const counts = await queue.counts()
      await queue.close()
      return counts
    },
  },
}

const empty = JSON.stringify({ type: 'noop', input: { n: 1, at: 0, pad: '' } })
const body = JSON.stringify({ type: 'noop', input: { n: 1, at: 0, pad: 'x'.repeat(300 - empty.length) } })

/** What was in flight when a load ended may have been stored without having been counted. */
function check(loads: readonly Load[], counts: Counts | null): void {
  const refused = loads.reduce((sum, { errors }) => sum + errors, 0)
  if (refused > 0) throw new Error(`${refused} requests were not answered with 2xx`)
  if (counts === null) return
  const answered = loads.reduce((sum, { requests }) => sum + requests, 0)
  const stored = counts.waiting + (counts.ended ?? 0)
  if (stored < answered) throw new Error(`${answered} jobs were accepted and ${stored} are stored`)
  if (stored > answered + 64 * loads.length) throw new Error(`${answered} jobs were accepted, and ${stored} are stored`)
}
