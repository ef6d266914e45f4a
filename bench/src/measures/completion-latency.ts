import { setTimeout as sleep } from 'node:timers/promises'
import { now, percentile } from '../clock.ts'
import { exactlyOnce, type RunCounts, runCounts, Tally } from '../tally.ts'
import type { Entry, Measure } from './port.ts'
import { SseClient } from './sse-client.ts'
import { allFinished, every50ms, payload } from './workload.ts'

interface Latencies {
  /** Null for a job without a result after ten seconds. */
  ms: (number | null)[]
}

const warmup = 10
const hangTimeout = 10_000

async function latency(result: Promise<unknown>): Promise<number | null> {
  const output = (await Promise.race([result, sleep(hangTimeout, null, { ref: false })])) as { at: number } | null
  return output === null ? null : now() - output.at
}

export const completionLatency: Measure = {
  name: 'completion-latency',
  title: 'Completion latency, another process',
  about:
    'A job every 50 ms. Time from the end of its handler in the worker process until the producer, in another process, has the result. Uketsuke is measured over HTTP and SSE through a third process (“SSE”) and with `watch`; BullMQ with QueueEvents. Hangs: no result within 10 s.',
  rounds: 5,
  short: true,
  figures: [
    { key: 'p50', title: 'p50, ms', better: 'lower', digits: 2 },
    { key: 'p99', title: 'p99, ms', better: 'lower', digits: 2 },
    { key: 'hangs', title: 'hangs', better: null, digits: 0 },
  ],
  entries: (systems) =>
    systems.flatMap((system): Entry[] => {
      const { name, label, supports } = system
      const sse = { name: `${name}-sse`, label: `${label}: SSE`, system, variant: 'sse' }
      const direct = { name, label: system.ours ? `${label}: watch` : label, system, variant: 'direct' }
      return [...(supports.includes('serve') ? [sse] : []), ...(supports.includes('await-result') ? [direct] : [])]
    }),
  async run({ entry, settings, spawn }) {
    const worker = spawn('worker')
    await worker.receive('ready')
    let result: Latencies
    if (entry.variant === 'sse') {
      const server = spawn('server')
      result = (await spawn('client', await server.receive('listening')).result()) as Latencies
      server.send('stop')
      await server.result()
    } else {
      result = (await spawn('producer').result()) as Latencies
    }
    const { counts, durability } = (await worker.result()) as { counts: RunCounts; durability: string }
    exactlyOnce(settings.samples + warmup, counts)
    const measured = result.ms.filter((ms) => ms !== null)
    const hangs = result.ms.length - measured.length
    return { durability, figures: { p50: percentile(measured, 0.5), p99: percentile(measured, 0.99), hangs } }
  },
  roles: {
    async worker({ open, send, settings }) {
      const queue = await open()
      const tally = new Tally()
      const stop = await queue.work(async (job) => {
        tally.mark(job)
        // Long enough for the client to subscribe before the job finishes.
        await sleep(60)
        return { at: now() }
      })
      send('ready')
      await allFinished(queue, tally, settings.samples + warmup)
      const durability = await queue.durability()
      await stop()
      const counts = runCounts(tally, await queue.counts())
      await queue.close()
      return { counts, durability }
    },
    async producer({ open, settings }): Promise<Latencies> {
      const queue = await open()
      const ms: (number | null)[] = []
      await every50ms(settings.samples + warmup, async (n) => {
        const unsupported = () => Promise.reject(new Error('This system cannot wait for a result.'))
        const late = await latency(queue.enqueueAndWait?.(payload(n)) ?? unsupported())
        if (n >= warmup) ms.push(late)
      })
      await queue.close()
      return { ms }
    },
    async server({ open, send, receive }) {
      const queue = await open()
      const server = await queue.serve?.('node')
      send('listening', server?.url)
      await receive('stop')
      await server?.close()
      await queue.close()
    },
    async client({ settings, input }): Promise<Latencies> {
      const client = new SseClient(input as string)
      const ms: (number | null)[] = []
      await every50ms(settings.samples + warmup, async (n) => {
        const late = await latency(client.run(payload(n)))
        if (n >= warmup) ms.push(late)
      })
      client.close()
      return { ms }
    },
  },
}
