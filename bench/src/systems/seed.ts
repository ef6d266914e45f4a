import type { Redis } from 'ioredis'
import { query } from './pg-query.ts'

type Engine = typeof import('@photostructure/sqlite')

/** How to fill a system's table: by copying a row that the system wrote, with a new id and payload. */
export interface SeedTable {
  readonly table: string
  readonly id: string
  readonly payload: string
  /** The waiting jobs get a type that no worker runs. */
  readonly otherType?: boolean | undefined
  /** SQL for the id of row number `n` (an SQL expression), smaller than the ids of the system. */
  sqlId(n: string): string
}

/** Negative numbers mark jobs that the run did not enqueue itself. */
const payload = (n: string) => `'{"n":' || (-(${n})) || ',"at":0,"pad":"${'x'.repeat(100)}"}'`

/** Copies the oldest finished row `finished` times and the oldest waiting row `waiting` times. */
export async function seedSqlite(file: string, finished: number, waiting: number, target: SeedTable): Promise<void> {
  const builtIn = process.getBuiltinModule?.('node:sqlite') as unknown as Engine | undefined
  const { DatabaseSync } = builtIn ?? (await import('@photostructure/sqlite'))
  const db = new DatabaseSync(file)
  db.exec('PRAGMA busy_timeout = 5000')
  const columns = db
    .prepare(`SELECT name FROM pragma_table_info('${target.table}')`)
    .all()
    .map(({ name }) => String(name))
  const isWaiting = columns.includes('completed_at') ? 'completed_at IS NULL' : 'status = 0'
  const copy = (count: number, from: number, condition: string) => {
    if (count === 0) return
    const values = columns.map((name) =>
      name === target.id
        ? target.sqlId('i.n')
        : name === target.payload
          ? payload('i.n')
          : name === 'type' && target.otherType
            ? `'other'`
            : `t."${name}"`,
    )
    db.exec(`WITH RECURSIVE i(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM i WHERE n < ${from + count - 1})
      INSERT INTO ${target.table} (${columns.map((name) => `"${name}"`).join(', ')})
      SELECT ${values.join(', ')} FROM i, (SELECT * FROM ${target.table} WHERE ${condition} ORDER BY ${target.id} LIMIT 1) AS t`)
  }
  copy(finished, 1, `NOT (${isWaiting})`)
  copy(waiting, finished + 1, isWaiting)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

/** A copy of one row `count` times, from number `from`. */
interface Copy {
  readonly table: string
  readonly count: number
  readonly from: number
  /** Which row is copied: the oldest that this is true for. */
  readonly of: string
}

export async function seedPostgres(url: string, finished: number, waiting: number, target: SeedTable): Promise<void> {
  const { table } = target
  await copyRows(url, target, [
    { table, count: finished, from: 1, of: 'completed_on IS NOT NULL' },
    { table, count: waiting, from: finished + 1, of: 'completed_on IS NULL' },
  ])
}

/** What was asked is in one table, and the state of a job in another. */
export async function seedUketsuke(
  url: string,
  finished: number,
  waiting: number,
  target: Omit<SeedTable, 'table'>,
): Promise<void> {
  const both = (state: string, count: number, from: number): Copy[] => [
    { table: 'uketsuke.accepted', count, from, of: `id IN (SELECT id FROM uketsuke.${state})` },
    { table: `uketsuke.${state}`, count, from, of: 'true' },
  ]
  await copyRows(url, target, [...both('ended', finished, 1), ...both('pending', waiting, finished + 1)])
}

async function copyRows(url: string, target: Omit<SeedTable, 'table'>, copies: readonly Copy[]): Promise<void> {
  for (const { table, count, from, of } of copies) {
    if (count === 0) continue
    const columns = await query<{ name: string; type: string }>(
      url,
      `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
      [table],
    )
    const values = columns.map(({ name, type }) => {
      if (name === target.id) return target.sqlId('n')
      if (name === target.payload) return `(${payload('n')})::${type}`
      return name === 'type' && target.otherType ? "'other'" : `t."${name}"`
    })
    await query(
      url,
      `INSERT INTO ${table} (${columns.map(({ name }) => `"${name}"`).join(', ')})
       SELECT ${values.join(', ')} FROM generate_series(${from}, ${from + count - 1}) AS n,
         (SELECT * FROM ${table} WHERE ${of} ORDER BY ${target.id} LIMIT 1) AS t`,
    )
    await query(url, `VACUUM ANALYZE ${table}`)
  }
  await query(url, 'CHECKPOINT')
}

/** Copies a job's hash inside Redis and adds the copies to the list or set of their state. */
export async function seedBullmq(redis: Redis, queue: string, finished: number, waiting: number): Promise<void> {
  const script = `
    local base, from, to, state, data = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
    local template = state == 'completed' and redis.call('ZRANGE', base .. 'completed', 0, 0)[1] or redis.call('LRANGE', base .. 'wait', -1, -1)[1]
    for n = from, to do
      local id = 'seed-' .. n
      redis.call('COPY', base .. template, base .. id)
      redis.call('HSET', base .. id, 'data', '{"n":' .. -n .. data)
      if state == 'completed' then redis.call('ZADD', base .. 'completed', n, id) else redis.call('RPUSH', base .. 'wait', id) end
    end`
  const data = `,"at":0,"pad":"${'x'.repeat(100)}"}`
  const chunk = 10_000
  for (let n = 1; n <= finished + waiting; ) {
    const until = n <= finished ? finished : finished + waiting
    const to = Math.min(n + chunk - 1, until)
    await redis.eval(script, 1, `bull:${queue}:`, n, to, n <= finished ? 'completed' : 'wait', data)
    n = to + 1
  }
}
