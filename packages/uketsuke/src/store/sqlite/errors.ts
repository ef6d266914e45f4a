import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { UketsukeError } from '../../domain/errors.ts'

/** SQLite's primary result codes (sqlite.org/rescode.html): the low byte of `errcode`. */
const code = {
  perm: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  tooBig: 18,
  notADatabase: 26,
} as const

const passing: readonly number[] = [
  code.busy,
  code.locked,
  code.noMemory,
  code.readOnly,
  code.ioError,
  code.full,
  code.cannotOpen,
  code.protocol,
]

function primary(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** Another connection holds the lock. */
export const isBusy = (error: unknown): boolean => {
  const result = primary(error)
  return result === code.busy || result === code.locked
}

/** Of a COMMIT that the disk failed: whether it was stored is not known. Null for any other error. */
export function unknownOutcome(error: unknown): UketsukeError | null {
  if (primary(error) !== code.ioError) return null
  const detail = 'The database cannot be written to now. Whether what was under way has been stored is not known.'
  return new UketsukeError('temporarily-unavailable', detail, { cause: error, retryAfter: 1, outcome: 'unknown' })
}

/** At run time: what may pass by itself (a full disk, a lost volume) is "not now"; a bad row stays what it is. */
export function toStoreError(error: unknown): unknown {
  const result = primary(error)
  if (result === code.tooBig) {
    return new UketsukeError('payload-too-large', 'A value is larger than the database can hold.', { cause: error })
  }
  if (result === null) return error
  const message = (error as Error).message
  if (passing.includes(result)) {
    // Clients see this; what SQLite says is in the cause, for the log.
    const detail = isBusy(error) ? 'Another process holds the database.' : 'The database cannot be written to now.'
    return new UketsukeError('temporarily-unavailable', detail, { cause: error, retryAfter: 1 })
  }
  if (result === code.corrupt || result === code.notADatabase) {
    return new UketsukeError('store-unusable', `The database is damaged: ${message}. Restore a backup.`, {
      cause: error,
    })
  }
  return error
}

/** At the start: a sentence for the operator, naming the path and what to do. */
export function toOpenError(path: string, error: unknown): unknown {
  const cause = error instanceof UketsukeError && error.cause !== undefined ? error.cause : error
  const result = primary(cause)
  if (result === null || isBusy(cause)) return error
  return new UketsukeError('store-unusable', sentence(path, result, (cause as Error).message), { cause })
}

function sentence(path: string, result: number, message: string): string {
  switch (result) {
    case code.cannotOpen:
      return whyNotOpened(path)
    case code.perm:
    case code.readOnly:
      return `"${path}" is read-only for this process: let it write the file and the folder, where SQLite keeps -wal and -shm files.`
    case code.corrupt:
    case code.notADatabase:
      return `"${path}" is not a SQLite database, or it is damaged: choose another path, or restore a backup.`
    case code.full:
      return `The disk that holds "${path}" is full: free some space.`
    default:
      return `"${path}" cannot be used as a database: ${message}.`
  }
}

function whyNotOpened(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    return `"${path}" is a directory: name a file in it, such as "${path}/jobs.db".`
  }
  const folder = dirname(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return `"${path}" cannot be opened, since there is no folder "${folder}": create it.`
  }
  return `"${path}" cannot be opened: let this process read and write the file and its folder.`
}
