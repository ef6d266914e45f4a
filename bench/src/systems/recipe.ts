import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import pg from 'pg'
import { pgDurability } from './pg-query.ts'
import type { Payload, Queue, Resources } from './port.ts'

/**
 * A queue as applications write it by hand: insert a row, then XADD. A consumer group reads the entry, marks the row as running, runs the
 * job and marks the row as completed. It uses `pg` instead of the more usual Prisma, which makes it faster.
 */
export async function open(resources: Resources): Promise<Queue> {
  const pool = new pg.Pool({ connectionString: resources.postgres, max: 10 })
  pool.on('error', () => {})
  const redis = new Redis(resources.redis, { maxRetriesPerRequest: null })
  await pool.query(`CREATE TABLE IF NOT EXISTS jobs (id uuid PRIMARY KEY, status text NOT NULL DEFAULT 'pending', input jsonb NOT NULL,
    output jsonb, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())`)
  await redis.xgroup('CREATE', 'jobs', 'workers', '0', 'MKSTREAM').catch(() => {})
  const insert = { name: 'insert', text: 'INSERT INTO jobs (id, input) VALUES ($1, $2)' }
  const begin = {
    name: 'begin',
    text: `UPDATE jobs SET status = 'running', updated_at = now() WHERE id = $1 AND status = 'pending' RETURNING input`,
  }
  const end = {
    name: 'end',
    text: `UPDATE jobs SET status = 'completed', output = $2, updated_at = now() WHERE id = $1 AND status = 'running'`,
  }
  const enqueue = async (payload: Payload) => {
    const id = randomUUID()
    await pool.query(insert, [id, payload])
    await redis.xadd('jobs', '*', 'id', id)
  }
  return {
    durability: async () => `${await pgDurability(resources.postgres)}; stream: appendfsync=everysec`,
    enqueue,
    enqueueMany: (payloads) => Promise.all(payloads.map(enqueue)),
    async work(handler, { concurrency = 50 } = {}) {
      let stopping = false
      const reader = redis.duplicate()
      const one = async (entry: string, id: string) => {
        const { rows } = await pool.query<{ input: Payload }>(begin, [id])
        if (rows[0]) await pool.query(end, [id, JSON.stringify((await handler(rows[0].input)) ?? null)])
        await redis.xack('jobs', 'workers', entry)
      }
      const loop = async () => {
        while (!stopping) {
          const read = await reader.xreadgroup(
            'GROUP',
            'workers',
            `w${process.pid}`,
            'COUNT',
            concurrency,
            'BLOCK',
            100,
            'STREAMS',
            'jobs',
            '>',
          )
          const entries = (read as [string, [string, string[]][]][] | null)?.[0]?.[1] ?? []
          await Promise.all(entries.map(([entry, fields]) => one(entry, fields[1] ?? '')))
        }
      }
      const running = loop()
      return async () => {
        stopping = true
        await running
        await reader.quit()
      }
    },
    async counts() {
      const { rows } = await pool.query<{ unfinished: number; completed: number }>(
        `SELECT count(*) FILTER (WHERE status = 'completed')::int AS completed, count(*) FILTER (WHERE status <> 'completed')::int AS unfinished FROM jobs`,
      )
      return rows[0] ?? { unfinished: 0, completed: 0 }
    },
    async close() {
      await pool.end()
      await redis.quit()
    },
  }
}
