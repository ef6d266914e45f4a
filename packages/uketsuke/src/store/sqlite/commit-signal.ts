import { realpathSync, utimesSync, watch } from 'node:fs'

/** Signals between processes that have the same file open. Signals may be lost, and a process also receives its own. */
export interface Signal {
  send(): void
  /** The returned function unsubscribes. */
  receive(fn: () => void): () => void
}

/**
 * Sends a signal by updating the timestamps of the -shm file, and receives it with inotify. The signal follows the
 * commit, when other processes can read it; SQLite's own writes to the -wal file come too early. The -shm file stays
 * the same while any process has the database open.
 *
 * The file is never opened here, because closing it would drop all locks that SQLite holds on it in this process.
 * Outside Linux, watching a file opens it, so no signals are received there. Signals are also lost if inotify has no
 * watches left, or if the sender may not touch the file (another user's file).
 */
export function commitSignal(path: string): Signal {
  const able = process.platform === 'linux' && path !== ':memory:'
  let refused = false
  let file = ''
  // SQLite derives the name from the target of a symbolic link.
  const shm = () => {
    file ||= `${realpathSync(path)}-shm`
    return file
  }

  return {
    send() {
      if (!able || refused) return
      try {
        const now = Date.now() / 1_000
        utimesSync(shm(), now, now)
      } catch {
        refused = true
      }
    },
    receive(fn) {
      if (!able) return () => {}
      try {
        const watcher = watch(shm(), { persistent: false }, fn)
        watcher.on('error', () => watcher.close())
        return () => watcher.close()
      } catch {
        return () => {}
      }
    },
  }
}
