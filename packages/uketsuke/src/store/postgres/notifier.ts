import type { Change, Job, Queue } from '../../domain/job.ts'
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

  /** With `always`, the ids are sent even if nobody follows. */
  function newsOf(jobs: readonly Job[], always = false): News {
    const waiting = new Set<Queue>()
    for (const { status, queue, parked } of jobs) if (status === 'pending' && !parked) waiting.add(queue)
    return { changed: always || audience.isFollowing ? jobs : [], waiting: [...waiting] }
  }

  return {
    newsOf,
    /** `now` is the database's time. A worker must hear of what others do to its jobs, even if nobody follows them. */
    newsOfChanges(changes: readonly Change[], now: number): News {
      const jobs: Job[] = []
      for (const { after, spawn } of changes) jobs.push(after, ...spawn)
      return newsOf(
        jobs,
        changes.some((change) => isByOther(change, now)),
      )
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

/** Whether a change may be by another process than the job's worker: a cancellation, or the end of a lost lease. */
const isByOther = ({ before, after }: Change, now: number): boolean =>
  before.cancelRequestedAt !== after.cancelRequestedAt || (before.leaseUntil !== null && before.leaseUntil <= now)

/** What other processes hear of. */
export interface News {
  readonly changed: readonly Job[]
  readonly waiting: readonly Queue[]
}

const notify = 'SELECT pg_notify($1, $2)'
