import { coalesce } from '../base/wakeup.ts'
import type { Job, Queue } from '../domain/job.ts'
import type { Client } from '../redis/client.ts'
import type { Dispatch, Subscription } from './port.ts'
import { addEntry, ensureGroups, keysOf } from './redis-entries.ts'
import { type ReaderParts, StreamReader } from './redis-reader.ts'

const queues: readonly Queue[] = ['jobs', 'deliveries']
/** The maximum of queued announcements, and of those in one round trip. Workers find further jobs by polling. */
const waitingAtMost = 20_000
const batch = 1_000

const wakeChannel = (prefix: string) => `${prefix}:wake`

/** Prepares a new connection before its first use. If streams were missing, their hints are lost, so every worker polls. */
export const prepareStreams = (prefix: string) => async (client: Client) => {
  const keys = queues.flatMap((queue) => keysOf(prefix, queue))
  if (await ensureGroups(client, keys)) for (const queue of queues) await client.publish(wakeChannel(prefix), queue)
}

/** Dispatch over Redis Streams: an entry wakes one worker in any process. While Redis is down, it works like polling. */
export function redisStreams(parts: Omit<ReaderParts, 'wakeAll'>): Dispatch {
  const { connections, clock } = parts
  const subscriptions = new Set<Subscription>()
  const waiting: Job[] = []

  const hintHere = (queue: Queue) => {
    for (const subscription of subscriptions) if (subscription.queue === queue) subscription.hint()
  }
  const hintOf = (jobs: readonly Job[]) => {
    for (const queue of queues) if (jobs.some((job) => job.queue === queue)) hintHere(queue)
  }
  const wakeAll = (queue: Queue) => {
    hintHere(queue)
    void connections.ask((client) => client.publish(wakeChannel(connections.prefix), queue)).catch(() => {})
  }
  /** Queues with announcements that did not reach Redis. Processes whose Redis was up meanwhile have no other way to hear of them. */
  const missed = new Set<Queue>()
  const miss = (jobs: readonly Job[]) => {
    for (const { queue } of jobs) missed.add(queue)
    hintOf(jobs)
  }
  connections.watch((up) => {
    if (!up) return
    for (const queue of missed) wakeAll(queue)
    missed.clear()
  })

  const flush = coalesce(async () => {
    while (waiting.length > 0) {
      const jobs = waiting.splice(0, batch)
      try {
        await connections.ask((client) => Promise.all(jobs.map((job) => addEntry(client, connections.prefix, job))))
      } catch (error) {
        connections.refuse(error)
        miss(jobs)
      }
    }
  })

  let subscribed = false
  return {
    announce(jobs) {
      const now = clock.now()
      const later = jobs.filter((job) => job.runAt > now)
      const due = later.length === 0 ? jobs : jobs.filter((job) => job.runAt <= now)
      // Future jobs get no entry. Fetchers of this process take their due times into account.
      if (!connections.up) return miss(jobs)
      hintOf(later)
      if (due.length === 0) return
      if (waiting.length < waitingAtMost) for (const job of due) waiting.push(job)
      flush()
    },
    receive(subscription) {
      // Only workers need it. Polling makes up for messages before the subscription.
      if (!subscribed) {
        void connections
          .subscribe(wakeChannel(connections.prefix), (queue) => hintHere(queue as Queue))
          .then(() => queues.forEach(hintHere))
      }
      subscribed = true
      subscriptions.add(subscription)
      const reader = new StreamReader({ ...parts, wakeAll: () => wakeAll(subscription.queue) }, subscription)
      return {
        claimed: (result) => reader.claimed(result),
        async close() {
          subscriptions.delete(subscription)
          await reader.close()
        },
      }
    },
  }
}
