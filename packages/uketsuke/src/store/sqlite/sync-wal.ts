import { closeSync, fdatasyncSync, openSync, realpathSync } from 'node:fs'

/**
 * Syncs all commits to disk. SQLite holds no locks on its log, so closing the file here loses none. Errors are ignored:
 * the next commit syncs the same bytes and reports them, and what was committed stays committed.
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
    // See above.
  }
}
