import { styleText } from 'node:util'
import { storeFromEnvironment } from '../api/environment.ts'
import { systemClock } from '../base/clock.ts'
import { pause } from '../base/timers.ts'
import type { JobStatus } from '../domain/job.ts'
import type { Store, Unfinished } from '../store/port.ts'
import { integer, parseOptions } from './arguments.ts'

/** Shows what waits and runs, by job type, again and again until Ctrl-C. */
export async function top(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseOptions('top', args, { store: text, schema: text, interval: text, once: flag, json: flag })
  const seconds = integer('interval', values.interval, 2, 1, 3_600)
  const { store: file, schema } = values
  const store = storeFromEnvironment({
    ...(file !== undefined && { file }),
    ...(schema !== undefined && { schema }),
  }).store(systemClock)
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
  try {
    await store.migrate()
    while (!stopped.signal.aborted) {
      const seen = await read(store)
      if (values.json) console.log(JSON.stringify(seen))
      // On a terminal, each view replaces the one before.
      else console.log(`${process.stdout.isTTY && !values.once ? '\u001b[H\u001b[J' : ''}${show(seen)}`)
      if (values.once) break
      await pause(seconds * 1_000, undefined, { signal: stopped.signal }).catch(() => {})
    }
    return 0
  } finally {
    await store.close()
  }
}

interface Seen {
  /** ISO 8601. */
  at: string
  types: (Omit<Unfinished, 'oldest'> & { oldestWaitingSeconds: number | null })[]
  jobs: Record<JobStatus, number>
  webhooks: Record<JobStatus, number>
}

async function read(store: Store): Promise<Seen> {
  const [unfinished, { jobs, deliveries }] = await Promise.all([store.unfinished(), store.stats()])
  const now = store.now?.() ?? systemClock.now()
  const types = unfinished.map(({ oldest, ...counts }) => ({
    ...counts,
    oldestWaitingSeconds: oldest === null ? null : Math.max(0, now - oldest) / 1_000,
  }))
  return { at: new Date(now).toISOString(), types, jobs, webhooks: deliveries }
}

const line = (name: string, ...numbers: (number | string)[]) =>
  `${name.padEnd(32)}${numbers.map((one) => String(one).padStart(12)).join('')}`

function show({ at, types, jobs, webhooks }: Seen): string {
  const total = (name: string, counts: Record<JobStatus, number>) =>
    line(name, counts.pending, counts.running, counts.completed, counts.failed, counts.cancelled)
  return [
    at,
    '',
    styleText('bold', line('', 'PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    total('jobs', jobs),
    total('webhooks', webhooks),
    '',
    styleText('bold', line('TYPE', 'PENDING', 'RUNNING', 'WAITS FOR')),
    ...types.map(({ type, pending, running, oldestWaitingSeconds: wait }) =>
      line(type, pending, running, wait === null ? '-' : `${wait.toFixed(1)} s`),
    ),
  ].join('\n')
}
