import { assertConfiguration } from '../base/assert.ts'
import type { Store } from '../store/port.ts'
import { localFiles } from './local.ts'
import { memoryFiles } from './memory.ts'
import type { FileStorage } from './port.ts'

/** The storage that the program names, else the one that belongs to its store; null if it has none. @throws `invalid-configuration` */
export function fileStorage(
  given: FileStorage | undefined,
  { defaultFiles }: Pick<Store, 'defaultFiles'>,
): FileStorage | null {
  if (given !== undefined) {
    const fits = typeof given?.save === 'function' && typeof given.read === 'function'
    assertConfiguration(fits, 'createJobs(): files must be a storage such as localFiles("files")')
    return given
  }
  if (defaultFiles === undefined) return null
  return defaultFiles === 'memory' ? memoryFiles() : localFiles(defaultFiles.folder)
}
