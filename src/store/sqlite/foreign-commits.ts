import type { Clock } from '../../clock.ts'

const interval = 20

/**
 * SQLite tells nobody about a commit, but `PRAGMA data_version` changes with those of other connections, and only those, if it is asked
 * on the connection that writes. It is asked every 20 ms while somebody listens.
 */
export function foreignCommits(clock: Clock, dataVersion: () => Promise<number>) {
  const listeners = new Set<() => void>()
  let stop = () => {}

  function start(): () => void {
    let going = true
    let known: number | null = null
    let cancel = () => {}
    const look = async () => {
      // A failed look is no news: the next one will tell.
      const seen = await dataVersion().catch(() => known)
      if (!going) return
      const changed = known !== null && seen !== known
      known = seen
      cancel = clock.after(interval, () => void look(), { background: true })
      if (changed) for (const listener of listeners) listener()
    }
    void look()
    return () => {
      going = false
      cancel()
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
