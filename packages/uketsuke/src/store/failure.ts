import { errorTitles, type Failure } from '../domain/errors.ts'

export const corrupt: Failure = {
  code: 'corrupt',
  message: `${errorTitles.corrupt}.`,
  retryable: false,
}

/**
 * Parses a stored failure. An unreadable one becomes `corrupt`, so that a damaged row does not fail its whole batch.
 */
export function failure(text: unknown): Failure | null {
  if (text === null) return null
  try {
    const value = JSON.parse(text as string) as Partial<Failure> | null
    if (typeof value?.code === 'string' && typeof value.message === 'string' && typeof value.retryable === 'boolean') {
      return value as Failure
    }
  } catch {
    // Reported as `corrupt` below.
  }
  return corrupt
}
