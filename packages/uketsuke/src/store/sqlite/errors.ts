import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { UketsukeError } from '../../domain/errors.ts'

/** SQLite's primary result codes (sqlite.org/rescode.html), the low byte of `errcode`. */
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

const transient: readonly number[] = [
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

/** Whether another connection holds the lock. */
export const isBusy = (error: unknown): boolean => {
  const result = primary(error)
  return result === code.busy || result === code.locked
}

/** The error of a COMMIT during which the disk failed, so that the outcome is unknown. Null for any other error. */
export function unknownOutcome(error: unknown): UketsukeError | null {
  if (primary(error) !== code.ioError) return null
  const detail =
    'The database is temporarily not writable. The outcome of this request is unknown: it may have been stored.'
  return new UketsukeError('temporarily-unavailable', detail, { cause: error, retryAfter: 1, outcome: 'unknown' })
}

/**
 * Errors at run time. What may resolve by itself (a full disk, a lost volume) becomes `temporarily-unavailable`; a bad
 * row stays as it is.
 */
export function toStoreError(error: unknown): unknown {
  const result = primary(error)
  if (result === code.tooBig) {
    return new UketsukeError('payload-too-large', 'A value exceeds the maximum size of the database.', { cause: error })
  }
  if (result === null) return error
  const message = (error as Error).message
  if (transient.includes(result)) {
    // Clients see this text. SQLite's message is in the cause, for the log.
    const detail = isBusy(error)
      ? 'The database is locked by another process.'
      : 'The database is temporarily not writable.'
    return new UketsukeError('temporarily-unavailable', detail, { cause: error, retryAfter: 1 })
  }
  if (result === code.corrupt || result === code.notADatabase) {
    return new UketsukeError('store-unusable', `The database is damaged: ${message}. Restore a backup.`, {
      cause: error,
    })
  }
  return error
}

/** Errors at startup: a sentence for the operator that names the path and what to do. */
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
      return `"${path}" is read-only for this process: grant write access to the file and to its folder, where SQLite keeps the -wal and -shm files.`
    case code.corrupt:
    case code.notADatabase:
      return `"${path}" is not a SQLite database, or it is damaged: use another path, or restore a backup.`
    case code.full:
      return `The disk with "${path}" is full: free some space.`
    default:
      return `"${path}" cannot be used as a database: ${message}.`
  }
}

function whyNotOpened(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    return `"${path}" is a directory: specify a file in it, such as "${path}/jobs.db".`
  }
  const folder = dirname(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return `"${path}" cannot be opened because the folder "${folder}" does not exist: create it.`
  }
  return `"${path}" cannot be opened: grant this process read and write access to the file and its folder.`
}
