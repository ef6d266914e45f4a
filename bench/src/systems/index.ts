import type { OpenQueue } from './port.ts'

/** What is known of a system before it is loaded. */
export interface System {
  readonly name: string
  readonly label: string
  /** This project: the others are measured against it. */
  readonly ours?: true
  readonly needs: readonly ('postgres' | 'redis')[]
  /** The oldest Node it runs on, as `major * 100 + minor`. */
  readonly node?: number
  /** How many times the base number of jobs it gets, so that a fast system's run is not over in an instant. */
  readonly size: number
  /** Why its worker cannot be measured. */
  readonly idle?: string
  readonly can: readonly ('tell' | 'serve' | 'seed' | 'finish')[]
  /** Packages whose versions belong into the report. */
  readonly packages: readonly string[]
  load(): Promise<OpenQueue>
}

/** 2,000 jobs a second or less drained, or ten times that. */
const slow = 1
const fast = 4

export const systems: readonly System[] = [
  {
    name: 'uketsuke-sqlite',
    label: 'uketsuke, SQLite',
    ours: true,
    needs: [],
    size: fast,
    can: ['tell', 'serve', 'seed', 'finish'],
    packages: [],
    load: async () => (await import('./uketsuke.ts')).onSqlite,
  },
  {
    name: 'uketsuke-pg',
    label: 'uketsuke, PostgreSQL',
    ours: true,
    needs: ['postgres'],
    size: fast,
    can: ['tell', 'serve', 'seed', 'finish'],
    packages: ['pg'],
    load: async () => (await import('./uketsuke.ts')).onPostgres,
  },
  {
    name: 'uketsuke-redis',
    label: 'uketsuke, PostgreSQL and Redis',
    ours: true,
    needs: ['postgres', 'redis'],
    size: fast,
    can: ['tell', 'serve', 'seed', 'finish'],
    packages: ['pg', '@redis/client'],
    load: async () => (await import('./uketsuke.ts')).onPostgresAndRedis,
  },
  {
    name: 'bullmq',
    label: 'BullMQ, Redis everysec',
    needs: ['redis'],
    size: slow,
    can: ['tell', 'seed', 'finish'],
    packages: ['bullmq', 'ioredis'],
    load: async () => (await import('./bullmq.ts')).onRedis,
  },
  {
    name: 'bullmq-always',
    label: 'BullMQ, Redis always',
    needs: ['redis'],
    size: slow,
    can: ['tell', 'finish'],
    packages: ['bullmq'],
    load: async () => (await import('./bullmq.ts')).onRedisAlways,
  },
  {
    name: 'bullmq-pg',
    label: 'BullMQ, PostgreSQL',
    needs: ['postgres'],
    size: slow,
    can: ['tell', 'finish'],
    packages: ['bullmq'],
    load: async () => (await import('./bullmq.ts')).onPostgres,
  },
  {
    name: 'pg-boss',
    label: 'pg-boss',
    needs: ['postgres'],
    node: 2212,
    size: slow,
    can: ['seed', 'finish'],
    packages: ['pg-boss'],
    load: async () => (await import('./pg-boss.ts')).open,
  },
  {
    name: 'graphile',
    label: 'graphile-worker',
    needs: ['postgres'],
    node: 2218,
    size: slow,
    can: ['seed'],
    packages: ['graphile-worker'],
    load: async () => (await import('./graphile.ts')).open,
  },
  {
    name: 'plainjob',
    label: 'plainjob, synchronous=FULL',
    needs: [],
    node: 2200,
    size: slow,
    can: ['seed', 'finish'],
    packages: ['plainjob', 'better-sqlite3'],
    load: async () => (await import('./plainjob.ts')).full,
  },
  {
    name: 'plainjob-normal',
    label: 'plainjob, synchronous=NORMAL (its default)',
    needs: [],
    node: 2200,
    size: slow,
    can: ['finish'],
    packages: ['plainjob'],
    load: async () => (await import('./plainjob.ts')).normal,
  },
  {
    name: 'liteque',
    label: 'liteque, synchronous=FULL',
    needs: [],
    node: 2200,
    size: slow,
    can: [],
    idle: 'better-sqlite3 refuses its worker’s asynchronous transactions in every release that has a binary for this Node',
    packages: ['liteque'],
    load: async () => (await import('./liteque.ts')).open,
  },
  {
    name: 'recipe',
    label: 'plain recipe: one INSERT a job, XADD',
    needs: ['postgres', 'redis'],
    size: slow,
    can: ['finish'],
    packages: ['pg', 'ioredis'],
    load: async () => (await import('./recipe.ts')).open,
  },
]

export function system(name: string): System {
  const found = systems.find((one) => one.name === name)
  if (found === undefined) throw new Error(`There is no system "${name}": ${systems.map((one) => one.name).join(', ')}`)
  return found
}
