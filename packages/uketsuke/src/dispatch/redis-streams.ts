import { coalesce } from '../base/wakeup.ts'
import type { Job, Queue } from '../domain/job.ts'
import type { Client } from '../redis/client.ts'
import type { Dispatch, Subscription } from './port.ts'
import { addEntry, ensureGroups, keysOf } from './redis-entries.ts'
import { type ReaderParts, StreamReader } from './redis-reader.ts'

const queues: readonly Queue[] = ['jobs', 'deliveries']
/** Announcements that wait at most, and that go in one round trip at most. Beyond that workers find the jobs themselves. */
const waitingAtMost = 20_000
const batch = 1_000

const wakeChannel = (prefix: string) => `${prefix}:wake`

/** To be done on every new connection before it counts. Where streams were missing, hints were lost with them: everybody looks. */
export const prepareStreams = (prefix: string) => async (client: Client) => {
  const keys = queues.flatMap((queue) => keysOf(prefix, queue))
  if (await ensureGroups(client, keys)) for (const queue of queues) await client.publish(wakeChannel(prefix), queue)
}

/** Dispatch over Redis Streams: an entry wakes one worker, wherever it is. Without Redis it is like polling. */
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
  /** Announced here while Redis could not be told. A process whose Redis was up meanwhile has not heard of it in any other way. */
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
      // Those for the future are for whoever looks then; only here can it be known when that is.
      if (!connections.up) return miss(jobs)
      hintOf(later)
      if (due.length === 0) return
      if (waiting.length < waitingAtMost) for (const job of due) waiting.push(job)
      flush()
    },
    receive(subscription) {
      // Only workers need it. What was said before it could be heard is made good by looking.
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
