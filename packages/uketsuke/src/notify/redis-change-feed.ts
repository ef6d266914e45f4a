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

/** `all`: more has changed than can be told. */
interface Message {
  from: string
  /** Ids and versions in turn. */
  jobs?: (string | number)[]
  all?: true
}

const batch = 1_000
const waitingAtMost = 20_000
/** Another process may have lost its Redis and tell nothing, while ours is fine: so we look for ourselves too. Milliseconds. */
const lookEvery = 1_000

/** Changes told over Redis: ids and versions only, the state is read from the store. Without Redis it is the store's own signal. */
export function redisChangeFeed({ connections, store, clock, log }: SignalParts): ChangeFeed {
  const me = randomBytes(9).toString('base64url')
  const channel = `${connections.prefix}:changes`
  const here = new CatchUp(store, log)
  const waiting = new Map<string, number>()
  let missed = false
  let unfollow: (() => void) | null = null

  const publish = (message: Omit<Message, 'from'>) =>
    connections.ask((client) => client.publish(channel, JSON.stringify({ from: me, ...message })))

  const flush = coalesce(async () => {
    while (connections.up && (missed || waiting.size > 0)) {
      const jobs = [...waiting].slice(0, batch)
      const message: Omit<Message, 'from'> = missed ? { all: true } : { jobs: jobs.flat() }
      if (missed) waiting.clear()
      else for (const [id] of jobs) waiting.delete(id)
      missed = false
      // Whoever could not be told now is told that there was something, once Redis is back.
      try {
        await publish(message)
      } catch {
        missed = true
        return
      }
    }
  })

  /** While somebody listens: the store's own news as long as Redis is down, else a rare look. */
  function follow(up: boolean): void {
    unfollow?.()
    unfollow = null
    if (here.size === 0) return
    if (up) unfollow = every(clock, lookEvery, () => here.all())
    else unfollow = store.onForeignCommit(here.foreign)
    // What was said between the one and the other.
    here.all()
  }

  connections.watch((up) => {
    follow(up)
    if (up) flush()
  })

  function heard(text: string): void {
    const { from, jobs = [], all } = parse(text)
    if (from === me) return
    if (all) here.all()
    const changed: KnownVersion[] = []
    for (let i = 0; i < jobs.length; i += 2) changed.push({ id: String(jobs[i]), version: Number(jobs[i + 1]) })
    here.heard(changed)
  }

  let subscribed = false
  return {
    announce(jobs) {
      for (const job of jobs) {
        here.tell(job)
        if (connections.up && waiting.size < waitingAtMost) waiting.set(job.id, job.version)
        else missed = true
      }
      if (jobs.length > 0) flush()
    },
    listen(listener) {
      // What changed before it could be heard is read.
      if (!subscribed) void connections.subscribe(channel, heard).then(() => here.all())
      subscribed = true
      here.add(listener)
      if (unfollow === null) follow(connections.up)
      return () => {
        here.remove(listener)
        if (here.size === 0) follow(connections.up)
      }
    },
  }
}

/** Anybody may publish there: what is not ours says only that something may have changed. */
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
