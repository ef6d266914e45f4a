import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { coalesce } from '../base/wakeup.ts'
import type { RedisConnections } from '../redis/connections.ts'
import type { KnownVersion, Store } from '../store/port.ts'
import { CatchUp } from './catch-up.ts'
import type { ChangeFeed } from './change-feed.ts'

interface SignalParts {
  connections: RedisConnections
  store: Store
  clock: Clock
  log: Log
}

/** `all`: more has changed than a message can list. */
interface Message {
  from: string
  /** Alternating ids and versions. */
  jobs?: (string | number)[]
  all?: true
}

const batch = 1_000
const maxWaiting = 20_000
/** The polling interval in milliseconds. Another process may have lost its Redis connection and publish nothing. */
const pollMs = 1_000

/** Publishes ids and versions over Redis; states are read from the store. While Redis is down, falls back to the store's notifications. */
export function redisChangeFeed({ connections, store, clock, log }: SignalParts): ChangeFeed {
  const self = randomBytes(9).toString('base64url')
  const channel = `${connections.prefix}:changes`
  const catchUp = new CatchUp(store, log)
  const waiting = new Map<string, number>()
  let missed = false
  let unfollow: (() => void) | null = null

  const publish = (message: Omit<Message, 'from'>) =>
    connections.ask((client) => client.publish(channel, JSON.stringify({ from: self, ...message })))

  const flush = coalesce(async () => {
    while (connections.up && (missed || waiting.size > 0)) {
      const jobs = [...waiting].slice(0, batch)
      const message: Omit<Message, 'from'> = missed ? { all: true } : { jobs: jobs.flat() }
      if (missed) waiting.clear()
      else for (const [id] of jobs) waiting.delete(id)
      missed = false
      // After a failure, publish `all` once Redis is back.
      try {
        await publish(message)
      } catch {
        missed = true
        return
      }
    }
  })

  /** While there are listeners: polls if Redis is up, and uses the store's notifications if it is down. */
  function follow(up: boolean): void {
    unfollow?.()
    unfollow = null
    if (catchUp.size === 0) return
    if (up) unfollow = every(clock, pollMs, () => catchUp.all())
    else unfollow = store.onForeignCommit(catchUp.foreign)
    // Catch up with changes during the switch.
    catchUp.all()
  }

  connections.watch((up) => {
    follow(up)
    if (up) flush()
  })

  function onMessage(text: string): void {
    const { from, jobs = [], all } = parse(text)
    if (from === self) return
    if (all) catchUp.all()
    const changed: KnownVersion[] = []
    for (let i = 0; i < jobs.length; i += 2) changed.push({ id: String(jobs[i]), version: Number(jobs[i + 1]) })
    catchUp.onHint(changed)
  }

  let subscribed = false
  return {
    announce(jobs) {
      for (const job of jobs) {
        catchUp.notify(job)
        if (connections.up && waiting.size < maxWaiting) waiting.set(job.id, job.version)
        else missed = true
      }
      if (jobs.length > 0) flush()
    },
    listen(listener) {
      // Catch up with changes before the subscription.
      if (!subscribed) void connections.subscribe(channel, onMessage).then(() => catchUp.all())
      subscribed = true
      catchUp.add(listener)
      if (unfollow === null) follow(connections.up)
      return () => {
        catchUp.remove(listener)
        if (catchUp.size === 0) follow(connections.up)
      }
    },
  }
}

/** Other programs may publish on the channel. An unknown message means that anything may have changed. */
function parse(text: string): Partial<Message> {
  try {
    return JSON.parse(text) as Message
  } catch {
    return { all: true }
  }
}

function every(clock: Clock, ms: number, fn: () => void): () => void {
  let cancel = () => {}
  const again = () => {
    cancel = clock.after(ms, tick, { background: true })
  }
  const tick = () => {
    fn()
    again()
  }
  again()
  return () => cancel()
}
