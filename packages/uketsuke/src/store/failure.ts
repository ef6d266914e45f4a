import { errorTitles, type Failure } from '../domain/errors.ts'

export const corrupt: Failure = {
  code: 'corrupt',
  message: `${errorTitles.corrupt}.`,
  retryable: false,
}

/** A stored failure. One that cannot be read is told as `corrupt`, so that a damaged row fails alone and not the batch it came in. */
export function failure(text: unknown): Failure | null {
  if (text === null) return null
  try {
    const value = JSON.parse(text as string) as Partial<Failure> | null
    if (typeof value?.code === 'string' && typeof value.message === 'string' && typeof value.retryable === 'boolean') {
      return value as Failure
    }
  } catch {
    // Told below.
  }
  return corrupt
}
