import { UketsukeError } from '../domain/errors.ts'

/** The segments of a path, decoded. @throws `not-found` if they cannot be */
export function segmentsOf(path: string): string[] {
  try {
    return path.split('/').map(decodeURIComponent)
  } catch (cause) {
    throw new UketsukeError('not-found', undefined, { cause })
  }
}
