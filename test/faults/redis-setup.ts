import { z } from 'zod'
import type { JobTypes } from '../../packages/uketsuke/src/definition/define.ts'
import { createJobs, type JobsOptions, job, type Log, sqlite } from '../../packages/uketsuke/src/index.ts'
import { type RedisOptions, redis } from '../../packages/uketsuke/src/transport/redis.ts'
import { atEnd, tempFile } from '../jobs/setup.ts'
import { BadNetwork } from '../servers/proxy.ts'
import { RedisServer } from '../servers/redis.ts'
import { until } from '../until.ts'

export { atEnd, until }

/** Collects log lines, with level and message. */
export class Lines {
  readonly all: { level: string; message: string; fields: object }[] = []
  readonly log: Log = {
    info: (fields, message) => void this.all.push({ level: 'info', message, fields }),
    warn: (fields, message) => void this.all.push({ level: 'warn', message, fields }),
    error: (fields, message) => void this.all.push({ level: 'error', message, fields }),
    child: () => this.log,
  }
  of(text: string): number {
    return this.all.filter(({ message }) => message.includes(text)).length
  }
  /** How often Redis was reached. After a first try that took too long, the message is the one of a recovery. */
  get connected(): number {
    return this.of('Redis is connected') + this.of('Redis is available again')
  }
}

export async function server(...args: string[]): Promise<RedisServer> {
  const started = await RedisServer.start(...args)
  atEnd(() => started.stop())
  return started
}

export async function proxy(port: number): Promise<BadNetwork> {
  const started = await BadNetwork.to(port)
  atEnd(() => started.close())
  return started
}

const input = z.object({ n: z.number().default(0), ms: z.number().default(0) })

/** A job type that records each run, with the name of the process that ran it. */
export function counted(name: string, ran: { by: string; n: number; at: number }[]) {
  return job({
    input,
    maxAttempts: 5,
    run: async ({ input: { n, ms } }) => {
      ran.push({ by: name, n, at: performance.now() })
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
      return n
    },
  })
}

export type Ran = Parameters<typeof counted>[1]

/** Simulates processes on one file and one Redis: each has its own store handle and its own connections. */
export function processes(url: string, given: Partial<RedisOptions> = {}) {
  const file = tempFile()
  const ran: Ran = []
  const lines = new Lines()
  const open = <Types extends JobTypes>(types: Types, options: Partial<JobsOptions<Types>> = {}) => {
    const dispatch = redis({ url, timeout: 500, ...given })
    const jobs = createJobs({ jobs: types, store: sqlite(file), dispatch, log: lines.log, lease: 5_000, ...options })
    atEnd(() => jobs.close())
    return jobs
  }
  return { file, ran, lines, open, one: (name: string) => open({ count: counted(name, ran) }) }
}

export const key = (queue: string, priority: string) => `uketsuke:${queue}:${priority}`

/** Waits until all streams are empty. */
export async function empty(redisServer: RedisServer): Promise<void> {
  const keys = ['jobs', 'deliveries'].flatMap((queue) => [key(queue, 'high'), key(queue, 'normal')])
  await until(async () => {
    const lengths = await Promise.all(keys.map((key) => redisServer.command('XLEN', key)))
    return lengths.every((length) => length === 0)
  })
}
