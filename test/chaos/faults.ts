import { setTimeout as pause } from 'node:timers/promises'
import type { BadNetwork } from '../servers/proxy.ts'
import { until } from '../until.ts'
import type { Fleet } from './fleet.ts'
import type { Setup } from './setup.ts'

/** One temporary fault. A target has at most one fault at a time. */
export interface Fault {
  readonly name: string
  readonly target: string
  /** Resolves when the fault is over and the target has recovered. */
  act(): Promise<void>
}

/** Yields faults endlessly: every kind once in random order, then again. Draws all random numbers up front, so that a seed reproduces a run. */
export function* faults(setup: Setup, fleet: Fleet, random: () => number): Generator<Fault, never> {
  for (;;) {
    const deck = kinds(setup, fleet, random)
    while (deck.length > 0) {
      const [one] = deck.splice(Math.floor(random() * deck.length), 1)
      if (one !== undefined) yield one
    }
  }
}

function kinds({ postgres, redis, ways }: Setup, fleet: Fleet, random: () => number): Fault[] {
  const ms = (least: number, most: number) => Math.round(least + random() * (most - least))
  const [worker, api, down, redisDown] = [
    Math.floor(random() * 3),
    Math.floor(random() * 2),
    ms(0, 2_000),
    ms(0, 3_000),
  ]
  const keep = random() < 0.5
  const stream = `uketsuke:${random() < 0.7 ? 'jobs' : 'deliveries'}:normal`
  const command = (...args: string[]): Fault => {
    const name = args.join(' ').replace(stream, 'stream').replace(' workers', '')
    return { name, target: 'redis', act: async () => void (await redis.command(...args)) }
  }
  const network = (to: 'postgres' | 'redis'): Fault[] => {
    const side = Math.floor(random() * 3)
    // One of the two proxies, or both.
    const hit = side === 2 ? ways[to] : ways[to].slice(side, side + 1)
    const fault = (name: string, act: (all: readonly BadNetwork[]) => Promise<void> | void): Fault => ({
      name: `${name} ${to}`,
      target: `way to ${to}`,
      act: async () => act(hit),
    })
    const [cut, slow, silent, delay] = [ms(100, 3_000), ms(1_000, 4_000), ms(500, 4_000), ms(20, 400)]
    return [
      fault('cut', async (all) => {
        for (const one of all) one.cut()
        await pause(cut)
        for (const one of all) one.restore()
      }),
      fault('delay', async (all) => {
        for (const one of all) one.delay = delay
        await pause(slow)
        for (const one of all) one.delay = 0
      }),
      fault('silence', async (all) => {
        for (const one of all) one.silence()
        await pause(silent)
        for (const one of all) one.restore()
      }),
      fault('freeze', (all) => {
        for (const one of all) one.freeze()
      }),
      fault('lose answers of', (all) => {
        for (const one of all) one.loseAnswers()
      }),
    ]
  }
  return [
    { name: 'kill worker', target: `worker ${worker}`, act: () => fleet.kill('worker', worker) },
    { name: 'kill api', target: `api ${api}`, act: () => fleet.kill('api', api) },
    {
      name: 'kill postgres',
      target: 'postgres',
      async act() {
        await postgres.kill()
        await pause(down)
        await postgres.start()
      },
    },
    {
      name: 'kill a backend of postgres',
      target: 'postgres',
      async act() {
        // The server then terminates all other backends and recovers.
        const busy =
          "SELECT pid FROM pg_stat_activity WHERE application_name = 'uketsuke' ORDER BY query_start DESC LIMIT 1"
        const { rows } = await postgres.query(busy)
        if (rows[0] === undefined) return
        process.kill(rows[0].pid, 'SIGKILL')
        const answers = () => postgres.query('SELECT 1').then(Boolean, () => false)
        await until(answers, 'PostgreSQL has recovered', { ms: 60_000 })
      },
    },
    {
      name: 'kill redis',
      target: 'redis',
      async act() {
        await redis.kill()
        await pause(redisDown)
        // Starts empty, or with its last append-only file, which may be stale if it ran without one in between.
        await redis.start('--appendonly', keep ? 'yes' : 'no')
      },
    },
    command('FLUSHALL'),
    command('DEL', stream),
    command('XGROUP', 'DESTROY', stream, 'workers'),
    ...network('postgres'),
    ...network('redis'),
  ]
}
