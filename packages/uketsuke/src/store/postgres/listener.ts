import type { Client } from 'pg'
import type { Clock } from '../../base/clock.ts'
import { pause } from '../../base/timers.ts'
import type { RemoteCommit } from '../port.ts'
import { lockOf } from './exclusive-lock.ts'
import { Following } from './following.ts'
import { parse } from './notify-payload.ts'

interface ListenTo {
  connect(): Client
  channel: string
  /** Opens what other processes have sealed. */
  key: Buffer
}

type Listener = (commit?: RemoteCommit) => void

/**
 * Interval and response timeout of the heartbeat on the listening connection, in milliseconds. It detects half-open
 * sockets.
 */
const heartbeat = 5_000
const heartbeatTimeout = 2_000
/** Polling interval without LISTEN, in milliseconds of the store's clock. */
const poll = 200

/** Receives notifications about other processes' commits over a separate connection, and makes up for lost ones. */
export function commitListener(clock: Clock, reader: string) {
  const listeners = new Set<Listener>()
  const stopping = new AbortController()
  let listening: Promise<void> | null = null
  let client: Client | null = null
  let cancelPoll: (() => void) | null = null
  let polls = false

  const following = new Following(() => notify())
  const notify: Listener = (commit) => {
    for (const listener of listeners) listener(commit)
  }

  /** Serves one connection from LISTEN until it is lost. Calls `onListening` once it listens. */
  async function serve({ connect, channel, key }: ListenTo, onListening: () => void): Promise<void> {
    client = connect()
    const lost = new Promise<void>((resolve) => {
      client?.on('error', () => resolve())
      client?.on('end', () => resolve())
    })
    client.on('notification', ({ payload = '' }) => {
      const commit = parse(reader, payload, key)
      if (commit !== null) notify(commit)
    })
    try {
      await client.connect()
      // The listening connection does not keep the process alive.
      ;(client as Client & { unref(): void }).unref()
      // The channel is named after the schema. Like every other connection, this one holds the shared lock of a store
      // at work.
      await client.query(`LISTEN "${channel}"; SELECT pg_try_advisory_lock_shared(${lockOf(channel)})`)
      following.connection = { client, schema: channel }
      onListening()
      const gone = lost.then(() => false)
      while (await Promise.race([gone, pause(heartbeat, true, { signal: stopping.signal, ref: false })])) {
        const answer = client.query('SELECT 1').then(() => true)
        answer.catch(() => {})
        if (
          !(await Promise.race([gone, answer, pause(heartbeatTimeout, false, { signal: stopping.signal, ref: false })]))
        )
          break
        // Makes up for lost notifications, for example if the sender was killed right after its commit.
        notify()
      }
    } finally {
      // Not awaited: on an unresponsive socket, `end` may never resolve.
      client.end().catch(() => {})
      client = null
      following.connection = null
    }
  }

  async function keepListening(to: ListenTo, first: () => void): Promise<void> {
    let onListening = first
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      await serve(to, () => {
        failures = 0
        onListening()
        // After a reconnect, make up for commits during the gap.
        onListening = notify
      }).catch(() => {})
      first()
      await pause(Math.min(50 * 2 ** failures, 2_000) * (0.5 + Math.random() / 2), null, {
        signal: stopping.signal,
        ref: false,
      }).catch(() => {})
    }
  }

  function pollOn(): void {
    cancelPoll = clock.after(
      poll,
      () => {
        notify()
        pollOn()
      },
      { background: true },
    )
  }

  return {
    /** Resolves when LISTEN is active or the first try has failed. Keeps retrying in the background. */
    start(to: ListenTo): Promise<void> {
      return new Promise((resolve) => {
        listening = keepListening(to, resolve)
      })
    },
    /** Polls instead of using LISTEN, for example behind a pooler. */
    poll(): void {
      polls = true
      if (listeners.size > 0 && cancelPoll === null) pollOn()
    },
    listen(fn: Listener, only?: 'work'): () => void {
      // A new function, so that passing the same `fn` twice adds two listeners.
      const listener: Listener = (commit) => fn(commit)
      listeners.add(listener)
      const unfollow = only === 'work' ? null : following.add()
      if (polls && cancelPoll === null) pollOn()
      return () => {
        if (listeners.delete(listener)) unfollow?.()
        if (listeners.size > 0) return
        cancelPoll?.()
        cancelPoll = null
      }
    },
    async stop(): Promise<void> {
      listeners.clear()
      following.stop()
      cancelPoll?.()
      cancelPoll = null
      stopping.abort()
      await listening
    },
  }
}
