import type { Job, Queue } from '../../domain/job.ts'
import type { Connection, Sql } from './connection.ts'
import { write } from './notify-payload.ts'

/**
 * Tells other processes what has been committed, by NOTIFY. After the commit and in a transaction of its own: a commit that notifies
 * holds a lock on the whole database cluster until it is on disk. While one NOTIFY is on its way the next one fills, so that many
 * commits need few. What a crash in between loses is found by polling.
 *
 * Where the commit's own connection can carry it, it follows the commit at once and not after its answer.
 */
export function createNotifier(connection: Connection, channel: string, sender: string) {
  let changed = new Map<string, number>()
  let waiting = new Set<Queue>()
  let telling: Promise<void> | null = null

  async function tell(): Promise<void> {
    while (changed.size > 0) {
      const news = { changed: [...changed].map(([id, version]) => ({ id, version })), waiting: [...waiting] }
      changed = new Map()
      waiting = new Set()
      try {
        await connection.run((sql) => sql.query(notify, [channel, write(sender, news)]))
      } catch {
        // A hint: whoever missed it looks again within a second.
      }
    }
    telling = null
  }

  return {
    /** Tells of what the statement that was just sent will have stored, should it succeed. False where nothing could be sent. */
    follow(sql: Sql, jobs: readonly Job[]): boolean {
      if (sql.follow === undefined || jobs.length === 0) return false
      const waiting = new Set(jobs.filter(({ status }) => status === 'pending').map(({ queue }) => queue))
      sql.follow(notify, [channel, write(sender, { changed: jobs, waiting: [...waiting] })])
      return true
    },
    announce(jobs: readonly Job[]): void {
      for (const { id, version, status, queue } of jobs) {
        changed.set(id, Math.max(version, changed.get(id) ?? 0))
        if (status === 'pending') waiting.add(queue)
      }
      if (changed.size > 0) telling ??= tell()
    },
    async done(): Promise<void> {
      await telling
    },
  }
}

const notify = 'SELECT pg_notify($1, $2)'
