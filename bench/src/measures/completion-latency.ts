import { setTimeout as sleep } from 'node:timers/promises'
import { now, percentile } from '../clock.ts'
import { exactlyOnce, type Ran, ran, Tally } from '../tally.ts'
import { allEnded, every50ms, payload } from './flood.ts'
import type { Entry, Measure } from './port.ts'
import { SseClient } from './sse-client.ts'

interface Told {
  /** Null where nothing came within ten seconds. */
  ms: (number | null)[]
}

const warm = 10
const hung = 10_000

async function timed(told: Promise<unknown>): Promise<number | null> {
  const output = (await Promise.race([told, sleep(hung, null, { ref: false })])) as { at: number } | null
  return output === null ? null : now() - output.at
}

export const completionLatency: Measure = {
  name: 'completion-latency',
  title: 'Told of the end, in another process',
  about:
    'A job every 50 ms. From the end of its handler in the working process until the producer, in another process, has the result: for ours through a third process over HTTP and SSE (“SSE”), or by `watch`; for BullMQ through QueueEvents. Hangs: not told within 10 s.',
  rounds: 5,
  short: true,
  figures: [
    { key: 'p50', title: 'p50, ms', better: 'less', digits: 2 },
    { key: 'p99', title: 'p99, ms', better: 'less', digits: 2 },
    { key: 'hangs', title: 'hangs', better: null, digits: 0 },
  ],
  entries: (systems) =>
    systems.flatMap((system): Entry[] => {
      const { name, label } = system
      const sse = { name: `${name}-sse`, label: `${label}: SSE`, system, variant: 'sse' }
      const direct = { name, label: system.ours ? `${label}: watch` : label, system, variant: 'direct' }
      return [...(system.can.includes('serve') ? [sse] : []), ...(system.can.includes('tell') ? [direct] : [])]
    }),
  async run(stage) {
    const worker = stage.play('worker')
    await worker.heard('ready')
    let result: Told
    if (stage.entry.variant === 'sse') {
      const server = stage.play('server')
      result = (await stage.play('client', await server.heard('listening')).done()) as Told
      server.say('stop')
      await server.done()
    } else {
      result = (await stage.play('producer').done()) as Told
    }
    const { ran, durability } = (await worker.done()) as { ran: Ran; durability: string }
    exactlyOnce(stage.settings.samples + warm, ran)
    const came = result.ms.filter((ms) => ms !== null)
    const figures = { p50: percentile(came, 0.5), p99: percentile(came, 0.99), hangs: result.ms.length - came.length }
    return { durability, figures }
  },
  roles: {
    async worker({ open, say, settings }) {
      const queue = await open()
      const tally = new Tally()
      const stop = await queue.work(async (job) => {
        tally.mark(job)
        // Long enough that whoever wants to be told is listening.
        await sleep(60)
        return { at: now() }
      })
      say('ready')
      await allEnded(queue, tally, settings.samples + warm)
      const durability = await queue.durability()
      await stop()
      const counts = await queue.counts()
      await queue.close()
      return { ran: ran(tally, counts), durability }
    },
    async producer({ open, settings }): Promise<Told> {
      const queue = await open()
      const ms: (number | null)[] = []
      await every50ms(settings.samples + warm, async (n) => {
        const late = await timed(queue.tell?.(payload(n)) ?? Promise.reject(new Error('It cannot tell.')))
        if (n >= warm) ms.push(late)
      })
      await queue.close()
      return { ms }
    },
    async server({ open, say, heard }) {
      const queue = await open()
      const server = await queue.serve?.('node')
      say('listening', server?.url)
      await heard('stop')
      await server?.close()
      await queue.close()
    },
    async client({ settings, given }): Promise<Told> {
      const client = new SseClient(given as string)
      const ms: (number | null)[] = []
      await every50ms(settings.samples + warm, async (n) => {
        const late = await timed(client.run(payload(n)))
        if (n >= warm) ms.push(late)
      })
      client.close()
      return { ms }
    },
  },
}
