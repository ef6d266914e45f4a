import type { OpenQueue } from './port.ts'

/** The optional methods of `Queue`, and `keep-finished`: the store keeps finished jobs. */
export type Feature = 'await-result' | 'serve' | 'seed' | 'keep-finished'

/** The facts about a system that are known before it is loaded. */
export interface System {
  readonly name: string
  readonly label: string
  /** Uketsuke itself. */
  readonly ours?: true
  readonly needs: readonly ('postgres' | 'redis')[]
  /** The oldest supported Node, as `major * 100 + minor`. */
  readonly node?: number
  /** Why its worker cannot be measured, and only enqueueing is. */
  readonly enqueueOnly?: string
  readonly supports: readonly Feature[]
  /** Packages whose versions the report lists. */
  readonly packages: readonly string[]
  load(): Promise<OpenQueue>
}

export const systems: readonly System[] = [
  {
    name: 'uketsuke-sqlite',
    label: 'uketsuke, SQLite',
    ours: true,
    needs: [],
    supports: ['await-result', 'serve', 'seed', 'keep-finished'],
    packages: [],
    load: async () => (await import('./uketsuke.ts')).onSqlite,
  },
  {
    name: 'uketsuke-pg',
    label: 'uketsuke, PostgreSQL',
    ours: true,
    needs: ['postgres'],
    supports: ['await-result', 'serve', 'seed', 'keep-finished'],
    packages: ['pg'],
    load: async () => (await import('./uketsuke.ts')).onPostgres,
  },
  {
    name: 'uketsuke-redis',
    label: 'uketsuke, PostgreSQL and Redis',
    ours: true,
    needs: ['postgres', 'redis'],
    supports: ['await-result', 'serve', 'seed', 'keep-finished'],
    packages: ['pg', '@redis/client'],
    load: async () => (await import('./uketsuke.ts')).onPostgresAndRedis,
  },
  {
    name: 'bullmq',
    label: 'BullMQ, Redis everysec',
    needs: ['redis'],
    supports: ['await-result', 'seed', 'keep-finished'],
    packages: ['bullmq', 'ioredis'],
    load: async () => (await import('./bullmq.ts')).onRedis,
  },
  {
    name: 'bullmq-always',
    label: 'BullMQ, Redis always',
    needs: ['redis'],
    supports: ['await-result', 'keep-finished'],
    packages: ['bullmq'],
    load: async () => (await import('./bullmq.ts')).onRedisAlways,
  },
  {
    name: 'bullmq-pg',
    label: 'BullMQ, PostgreSQL',
    needs: ['postgres'],
    supports: ['await-result', 'keep-finished'],
    packages: ['bullmq'],
    load: async () => (await import('./bullmq.ts')).onPostgres,
  },
  {
    name: 'pg-boss',
    label: 'pg-boss',
    needs: ['postgres'],
    node: 2212,
    supports: ['seed', 'keep-finished'],
    packages: ['pg-boss'],
    load: async () => (await import('./pg-boss.ts')).open,
  },
  {
    name: 'graphile',
    label: 'graphile-worker',
    needs: ['postgres'],
    node: 2218,
    supports: ['seed'],
    packages: ['graphile-worker'],
    load: async () => (await import('./graphile.ts')).open,
  },
  {
    name: 'plainjob',
    label: 'plainjob, synchronous=FULL',
    needs: [],
    node: 2200,
    supports: ['seed', 'keep-finished'],
    packages: ['plainjob', 'better-sqlite3'],
    load: async () => (await import('./plainjob.ts')).full,
  },
  {
    name: 'plainjob-normal',
    label: 'plainjob, synchronous=NORMAL (its default)',
    needs: [],
    node: 2200,
    supports: ['keep-finished'],
    packages: ['plainjob'],
    load: async () => (await import('./plainjob.ts')).normal,
  },
  {
    name: 'liteque',
    label: 'liteque, synchronous=FULL',
    needs: [],
    node: 2200,
    supports: [],
    enqueueOnly:
      'better-sqlite3 rejects its worker’s asynchronous transactions in every release that has a binary for this Node',
    packages: ['liteque'],
    load: async () => (await import('./liteque.ts')).open,
  },
  {
    name: 'recipe',
    label: 'hand-written queue: INSERT and XADD per job',
    needs: ['postgres', 'redis'],
    supports: ['keep-finished'],
    packages: ['pg', 'ioredis'],
    load: async () => (await import('./recipe.ts')).open,
  },
]

export function system(name: string): System {
  const found = systems.find((one) => one.name === name)
  if (found === undefined)
    throw new Error(`Unknown system "${name}"; available: ${systems.map((one) => one.name).join(', ')}`)
  return found
}
