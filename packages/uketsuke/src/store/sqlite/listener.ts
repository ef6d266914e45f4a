import type { Clock } from '../../base/clock.ts'
import { coalesce } from '../../base/wakeup.ts'
import type { Signal } from './commit-signal.ts'

const interval = 20

/**
 * SQLite tells nobody about a commit, but `PRAGMA data_version` changes with those of other connections, and only those, if it is asked
 * on the connection that writes. While somebody listens it is asked at each signal, and where 20 ms went by without one.
 */
export function commitListener(clock: Clock, signal: Signal, dataVersion: () => Promise<number>) {
  const listeners = new Set<() => void>()
  let stop = () => {}

  function start(): () => void {
    let going = true
    let known: number | null = null
    let cancel = () => {}
    let unhear: (() => void) | null = null
    const look = coalesce(async () => {
      // A failed look is no news: the next one will tell.
      const seen = await dataVersion().catch(() => known)
      if (!going) return
      // The first answer is also the first time that there surely is a file to watch.
      if (seen !== null) unhear ??= signal.hear(look)
      // The first version is news too: between the listener's own read and this one somebody may have committed.
      const changed = seen !== known
      known = seen
      cancel()
      cancel = clock.after(interval, look, { background: true })
      if (changed) for (const listener of listeners) listener()
    })
    look()
    return () => {
      going = false
      cancel()
      unhear?.()
    }
  }

  return {
    listen(fn: () => void): () => void {
      // A function of its own, so that one `fn` given twice is two listeners.
      const listener = () => fn()
      listeners.add(listener)
      if (listeners.size === 1) stop = start()
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) stop()
      }
    },
    stop: () => stop(),
  }
}
