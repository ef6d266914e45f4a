import type { Job, Queue } from '../../domain/job.ts'
import type { Connection, Sql } from './connection.ts'
import { Audience } from './following.ts'
import { write } from './notify-payload.ts'

/**
 * Notifies other processes of commits with NOTIFY. It is sent after the commit in a separate transaction, because a
 * commit that notifies holds a cluster-wide lock until it is on disk. While one NOTIFY is in flight, further changes
 * collect for the next one. Notifications that are lost in a crash are made up for by polling.
 *
 * If possible, the NOTIFY is pipelined on the commit's own connection instead of waiting for its response.
 */
export function createNotifier(connection: Connection, channel: string, sender: string) {
  const audience = new Audience(channel, (sql) => connection.run((session) => session.query(sql, [])))
  let changed = new Map<string, number>()
  let waiting = new Set<Queue>()
  let sending: Promise<void> | null = null

  async function send(): Promise<void> {
    while (changed.size > 0 || waiting.size > 0) {
      const commit = { changed: [...changed].map(([id, version]) => ({ id, version })), waiting: [...waiting] }
      changed = new Map()
      waiting = new Set()
      try {
        await connection.run((sql) => sql.query(notify, [channel, write(sender, commit)]))
      } catch {
        // Only a hint: other processes poll within a second.
      }
    }
    sending = null
  }

  return {
    /** Whether another process must hear of what happens to a job, as far as it goes on or ends in the usual way. */
    get isFollowed(): boolean {
      return audience.isFollowing
    },
    /**
     * Pipelines a notification about what the statement just sent will store if it succeeds. False if it could not be
     * sent.
     */
    follow(sql: Sql, { changed, waiting }: News): boolean {
      if (sql.follow === undefined) return false
      if (changed.length > 0 || waiting.length > 0) sql.follow(notify, [channel, write(sender, { changed, waiting })])
      return true
    },
    announce(news: News): void {
      for (const { id, version } of news.changed) changed.set(id, Math.max(version, changed.get(id) ?? 0))
      for (const queue of news.waiting) waiting.add(queue)
      if (changed.size > 0 || waiting.size > 0) sending ??= send()
    },
    async done(): Promise<void> {
      await sending
    },
  }
}

/** What other processes hear of. */
export interface News {
  readonly changed: readonly Job[]
  readonly waiting: readonly Queue[]
}

const notify = 'SELECT pg_notify($1, $2)'
