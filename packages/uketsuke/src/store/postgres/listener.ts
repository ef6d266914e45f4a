import type { Client } from 'pg'
import type { Clock } from '../../base/clock.ts'
import { pause } from '../../base/timers.ts'
import type { RemoteCommit } from '../port.ts'
import { lockOf } from './exclusive-lock.ts'
import { parse } from './notify-payload.ts'

type Listener = (commit?: RemoteCommit) => void

/** How often the listening connection is tried, and how long an answer may take. A socket may be half open and say nothing. */
const beat = 5_000
const answerWithin = 2_000
/** How often whoever listens is sent to look where there is no LISTEN, by the store's clock. */
const poll = 200

/** Hears of other processes' commits, over a connection of its own; whatever it may have missed is caught up with. */
export function commitListener(clock: Clock, reader: string) {
  const listeners = new Set<Listener>()
  const stopping = new AbortController()
  let listening: Promise<void> | null = null
  let client: Client | null = null
  let cancelPoll: (() => void) | null = null
  let polls = false

  const tell: Listener = (commit) => {
    for (const listener of listeners) listener(commit)
  }

  /** One connection, from LISTEN until it is lost. `heard` is called once it listens. */
  async function attend(connect: () => Client, channel: string, heard: () => void): Promise<void> {
    client = connect()
    const lost = new Promise<void>((resolve) => {
      client?.on('error', () => resolve())
      client?.on('end', () => resolve())
    })
    client.on('notification', ({ payload = '' }) => {
      const commit = parse(reader, payload)
      if (commit !== null) tell(commit)
    })
    try {
      await client.connect()
      // Listening alone keeps no program alive.
      ;(client as Client & { unref(): void }).unref()
      // The channel is the schema's name; whoever listens counts as at work there, as every other connection does.
      await client.query(`LISTEN "${channel}"; SELECT pg_try_advisory_lock_shared(${lockOf(channel)})`)
      heard()
      const gone = lost.then(() => false)
      while (await Promise.race([gone, pause(beat, true, { signal: stopping.signal, ref: false })])) {
        const answer = client.query('SELECT 1').then(() => true)
        answer.catch(() => {})
        if (!(await Promise.race([gone, answer, pause(answerWithin, false, { signal: stopping.signal, ref: false })])))
          break
        // A hint that was lost on its way, such as by a sender that was killed after its commit, is made up for here.
        tell()
      }
    } finally {
      // An end that is waited for could wait for ever, on a socket that says nothing.
      client.end().catch(() => {})
      client = null
    }
  }

  async function keepListening(connect: () => Client, channel: string, first: () => void): Promise<void> {
    let heard = first
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      await attend(connect, channel, () => {
        failures = 0
        heard()
        // What was committed while nobody listened.
        heard = tell
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
        tell()
        pollOn()
      },
      { background: true },
    )
  }

  return {
    /** Resolves when it listens, or when the first try failed: then it goes on trying. */
    start(connect: () => Client, channel: string): Promise<void> {
      return new Promise((resolve) => {
        listening = keepListening(connect, channel, resolve)
      })
    },
    /** Without LISTEN, as behind a pooler. */
    poll(): void {
      polls = true
      if (listeners.size > 0 && cancelPoll === null) pollOn()
    },
    listen(fn: Listener): () => void {
      // A function of its own, so that one `fn` given twice is two listeners.
      const listener: Listener = (commit) => fn(commit)
      listeners.add(listener)
      if (polls && cancelPoll === null) pollOn()
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        cancelPoll?.()
        cancelPoll = null
      }
    },
    async stop(): Promise<void> {
      listeners.clear()
      cancelPoll?.()
      cancelPoll = null
      stopping.abort()
      await listening
    },
  }
}
