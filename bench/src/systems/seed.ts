import type { Redis } from 'ioredis'
import { ask } from './pg-facts.ts'

type Engine = typeof import('@photostructure/sqlite')

/** How a system's table is filled: by copying a row that the system itself has written, with another id and another payload. */
export interface Rows {
  readonly table: string
  readonly id: string
  readonly payload: string
  /** What waits is to be of a type that nobody runs. */
  readonly foreign?: boolean | undefined
  /** An id for the number in the SQL expression `n`, smaller than the system's own. */
  sqlId(n: string): string
}

/** Numbers below zero: a job that a run has not enqueued itself. */
const payload = (n: string) => `'{"n":' || (-(${n})) || ',"at":0,"pad":"${'x'.repeat(100)}"}'`

/** The oldest row that has ended is copied `finished` times, the oldest that waits `waiting` times. */
export async function seedSqlite(file: string, finished: number, waiting: number, rows: Rows): Promise<void> {
  const builtIn = process.getBuiltinModule?.('node:sqlite') as unknown as Engine | undefined
  const { DatabaseSync } = builtIn ?? (await import('@photostructure/sqlite'))
  const db = new DatabaseSync(file)
  db.exec('PRAGMA busy_timeout = 5000')
  const columns = db
    .prepare(`SELECT name FROM pragma_table_info('${rows.table}')`)
    .all()
    .map(({ name }) => String(name))
  const waits = columns.includes('completed_at') ? 'completed_at IS NULL' : 'status = 0'
  const copy = (many: number, from: number, condition: string) => {
    if (many === 0) return
    const values = columns.map((name) =>
      name === rows.id
        ? rows.sqlId('i.n')
        : name === rows.payload
          ? payload('i.n')
          : name === 'type' && rows.foreign
            ? `'elsewhere'`
            : `t."${name}"`,
    )
    db.exec(`WITH RECURSIVE i(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM i WHERE n < ${from + many - 1})
      INSERT INTO ${rows.table} (${columns.map((name) => `"${name}"`).join(', ')})
      SELECT ${values.join(', ')} FROM i, (SELECT * FROM ${rows.table} WHERE ${condition} ORDER BY ${rows.id} LIMIT 1) AS t`)
  }
  copy(finished, 1, `NOT (${waits})`)
  copy(waiting, finished + 1, waits)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

export async function seedPostgres(url: string, finished: number, waiting: number, rows: Rows): Promise<void> {
  const columns = (
    await ask<{ name: string }>(
      url,
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
      [rows.table],
    )
  ).map(({ name }) => name)
  const waits = columns.includes('completed_at') ? 'completed_at IS NULL' : 'completed_on IS NULL'
  const type = (
    await ask<{ type: string }>(
      url,
      'SELECT format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2',
      [rows.table, rows.payload],
    )
  )[0]?.type
  const id = rows.id === 'id' && rows.table.startsWith('uketsuke') ? `lpad(n::text, 26, '0')` : rows.sqlId('n')
  const copy = async (many: number, from: number, condition: string) => {
    if (many === 0) return
    const values = columns.map((name) =>
      name === rows.id
        ? id
        : name === rows.payload
          ? `(${payload('n')})::${type}`
          : name === 'type' && rows.foreign
            ? `'elsewhere'`
            : `t."${name}"`,
    )
    await ask(
      url,
      `INSERT INTO ${rows.table} (${columns.map((name) => `"${name}"`).join(', ')})
       SELECT ${values.join(', ')} FROM generate_series(${from}, ${from + many - 1}) AS n,
         (SELECT * FROM ${rows.table} WHERE ${condition} ORDER BY ${rows.id} LIMIT 1) AS t`,
    )
  }
  await copy(finished, 1, `NOT (${waits})`)
  await copy(waiting, finished + 1, waits)
  await ask(url, `VACUUM ANALYZE ${rows.table}`)
  await ask(url, 'CHECKPOINT')
}

/** Copies a job's hash inside Redis, and puts it where jobs of its state are listed. */
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
