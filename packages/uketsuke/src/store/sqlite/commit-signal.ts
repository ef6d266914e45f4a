import { realpathSync, utimesSync, watch } from 'node:fs'

/** Between processes that have one file open. A signal may be lost, and one's own is heard as well. */
export interface Signal {
  give(): void
  /** The returned function ends that. */
  hear(fn: () => void): () => void
}

/**
 * A touch of the -shm, and inotify on it. The touch is given after a commit, when the others can read it; what SQLite writes by itself
 * into the -wal comes before. The -shm is the same file for as long as anybody has the database open.
 *
 * It is never opened here: closing a file takes from the process all locks that SQLite has on it. Away from Linux watching a file does
 * open it, so nothing is heard there; nor where inotify has no watches left, nor of who may not touch it (another user's file).
 */
export function commitSignal(path: string): Signal {
  const able = process.platform === 'linux' && path !== ':memory:'
  let refused = false
  let file = ''
  // SQLite names it after what a symbolic link points to.
  const shm = () => {
    file ||= `${realpathSync(path)}-shm`
    return file
  }

  return {
    give() {
      if (!able || refused) return
      try {
        const now = Date.now() / 1_000
        utimesSync(shm(), now, now)
      } catch {
        refused = true
      }
    },
    hear(fn) {
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
