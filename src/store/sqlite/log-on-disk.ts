import { realpathSync } from 'node:fs'
import { open } from 'node:fs/promises'

/**
 * Resolves when all that has been committed is on the disk. SQLite keeps no locks on its log, so that closing the file loses none. A
 * disk that fails here is told by the next commit, which waits for the same bytes: what was committed stays so.
 */
export async function logOnDisk(path: string): Promise<void> {
  try {
    const log = await open(`${realpathSync(path)}-wal`, 'r+')
    try {
      await log.datasync()
    } finally {
      await log.close()
    }
  } catch {
    // Said above.
  }
}
