import type { Change, Job, Queue } from '../../domain/job.ts'
import type { Connection, Sql } from './connection.ts'
import { Audience } from './following.ts'
import { type News, write } from './notify-payload.ts'

/**
 * Notifies other processes of commits with NOTIFY. It is sent after the commit in a separate transaction, because a
 * commit that notifies holds a cluster-wide lock until it is on disk. While one NOTIFY is in flight, further changes
 * collect for the next one. Notifications that are lost in a crash are made up for by polling.
 *
 * If possible, the NOTIFY is pipelined on the commit's own connection instead of waiting for its response.
 */
export function createNotifier(connection: Connection, channel: string, sender: string, key: Buffer) {
  const audience = new Audience(channel, (sql) => connection.run((session) => session.query(sql, [])))
  let changed = new Map<string, Job>()
  let waiting = new Set<Queue>()
  let sending: Promise<void> | null = null

  async function send(): Promise<void> {
    while (changed.size > 0 || waiting.size > 0) {
      const news = { changed: [...changed.values()], waiting: [...waiting] }
      changed = new Map()
      waiting = new Set()
      try {
        await connection.run((sql) => sql.query(notify, [channel, write(sender, news, key)]))
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

  function pipeline(sql: Sql, news: News, sealedWith: Buffer | null): () => boolean {
    const { follow } = sql
    if (follow === undefined) return () => false
    if (news.changed.length + news.waiting.length === 0) return () => true
    const parameters = [channel, write(sender, news, sealedWith)]
    return () => {
      follow(notify, parameters)
      return true
    }
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
     * Pipelines a notification about what the statement just sent will store if it succeeds: the versions, which are
     * only a hint. False if it could not be sent.
     */
    follow: (sql: Sql, news: News): boolean => pipeline(sql, news, null)(),
    /** Prepares a notification with the jobs themselves. The returned function sends it behind the statement that stored them. */
    withStates: (sql: Sql, news: News): (() => boolean) => pipeline(sql, news, key),
    announce(news: News): void {
      for (const job of news.changed) if (job.version > (changed.get(job.id)?.version ?? 0)) changed.set(job.id, job)
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

const notify = 'SELECT pg_notify($1, $2)'
