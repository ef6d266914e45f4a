import type { Clock } from '../../base/clock.ts'
import { coalesce } from '../../base/wakeup.ts'
import type { Signal } from './commit-signal.ts'

const interval = 20

/**
 * Detects commits by other connections. SQLite has no notifications, but on the writing connection `PRAGMA
 * data_version` changes exactly when another connection commits. While there are listeners, it is read at each signal
 * and after every 20 ms without one.
 */
export function commitListener(clock: Clock, signal: Signal, dataVersion: () => Promise<number>) {
  const listeners = new Set<() => void>()
  let stop = () => {}

  function start(): () => void {
    let going = true
    let known: number | null = null
    let cancel = () => {}
    let unsubscribe: (() => void) | null = null
    const check = coalesce(async () => {
      // A failed read counts as no change; the next one tries again.
      const seen = await dataVersion().catch(() => known)
      if (!going) return
      // After the first successful read, the file to watch certainly exists.
      if (seen !== null) unsubscribe ??= signal.receive(check)
      // The first version counts as a change: another process may have committed since the listener's own read.
      const changed = seen !== known
      known = seen
      cancel()
      cancel = clock.after(interval, check, { background: true })
      if (changed) for (const listener of listeners) listener()
    })
    check()
    return () => {
      going = false
      cancel()
      unsubscribe?.()
    }
  }

  return {
    listen(fn: () => void): () => void {
      // A new function, so that passing the same `fn` twice adds two listeners.
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
