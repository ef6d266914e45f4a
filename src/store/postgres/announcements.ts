import type { Job, Queue } from '../../domain/job.ts'
import type { Connection } from './connection.ts'
import { write } from './news.ts'

/**
 * Tells other processes what has been committed, by NOTIFY. After the commit and in a transaction of its own: a commit that notifies
 * holds a lock on the whole database cluster until it is on disk. While one NOTIFY is on its way the next one fills, so that many
 * commits need few. What a crash in between loses is found by polling.
 */
export function announcements(connection: Connection, channel: string, sender: string) {
  let changed = new Map<string, number>()
  let waiting = new Set<Queue>()
  let telling: Promise<void> | null = null

  async function tell(): Promise<void> {
    while (changed.size > 0) {
      const news = { changed: [...changed].map(([id, version]) => ({ id, version })), waiting: [...waiting] }
      changed = new Map()
      waiting = new Set()
      try {
        await connection.run((sql) => sql.query('SELECT pg_notify($1, $2)', [channel, write(sender, news)]))
      } catch {
        // A hint: whoever missed it looks again within a second.
      }
    }
    telling = null
  }

  return {
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
