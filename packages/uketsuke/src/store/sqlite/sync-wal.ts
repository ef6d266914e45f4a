import { closeSync, fdatasyncSync, openSync, realpathSync } from 'node:fs'

/**
 * Waits until all that has been committed is on the disk, as a commit does. SQLite keeps no locks on its log, so that closing the file
 * loses none. A disk that fails here is told by the next commit, which waits for the same bytes: what was committed stays so.
 */
export function syncWal(path: string): void {
  try {
    const log = openSync(`${realpathSync(path)}-wal`, 'r+')
    try {
      fdatasyncSync(log)
    } finally {
      closeSync(log)
    }
  } catch {
    // Said above.
  }
}
